"""What a user liked before."""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple


class HistoryState(NamedTuple):
    """Positive items and their times (ms), oldest first: what a row of the histories table holds."""

    items: tuple[str, ...]
    times: tuple[int, ...]


NOTHING = HistoryState((), ())
Load = Callable[[str], HistoryState | None]


class Before(NamedTuple):
    """Histories of some exposures: positives strictly earlier in time, oldest first, and seconds since the latest."""

    items: list[Sequence[str]]
    ages: list[Sequence[float]]


class Histories:
    """User to latest positives, as they were before a moment.

    Up to `length` positives older than the latest time are kept, and up to `length` at it: the items of a large basket
    then do not erase what came before, which is the history of each of them.

    >>> histories = Histories(length=2)
    >>> for item, time in [("a", 1), ("b", 2), ("c", 3), ("d", 3)]:
    ...     histories.append("u", item, time)
    >>> histories.as_of("u", 3).items, histories.as_of("u", 4).items
    (('a', 'b'), ('c', 'd'))
    """

    def __init__(self, length: int, *, users: int = 1_000_000, load: Load | None = None) -> None:
        """Keep `users` users in memory at most; others are read through `load` when needed.

        Users changed since the last `take_dirty` stay in memory whatever their number.
        """
        self.length = length
        self.users = users
        self._load = load
        self._states: OrderedDict[str, HistoryState] = OrderedDict()
        self._dirty: dict[str, None] = {}

    def __len__(self) -> int:
        """Users in memory."""
        return len(self._states)

    def as_of(self, user: str, time: int) -> HistoryState:
        """The latest `length` positives strictly before `time`; what happened at the same time is not history."""
        state = self._state(user)
        end = bisect_left(state.times, time)
        begin = max(0, end - self.length)
        if end - begin == len(state.times):
            return state
        return HistoryState(state.items[begin:end], state.times[begin:end])

    def append(self, user: str, item: str, time: int) -> None:
        """Add a positive. One that comes late takes its place in time."""
        state = self._state(user)
        place = bisect_right(state.times, time)
        items = state.items[:place] + (item,) + state.items[place:]  # noqa: RUF005 - copies once, mostly at the end
        times = state.times[:place] + (time,) + state.times[place:]  # noqa: RUF005
        self._states[user] = self._trimmed(items, times)
        self._dirty[user] = None
        self._evict()

    def follow(
        self, users: Sequence[str], items: Sequence[str], times: Sequence[int], positive: Sequence[bool]
    ) -> Before:
        """Histories of a batch of exposures; each positive joins its user's behind the exposure it came from.

        Exposures of one user at one time have the same one, and the same object where they follow each other.
        """
        before = Before([], [])
        latest: dict[str, tuple[int, HistoryState]] = {}
        for user, item, time, liked in zip(users, items, times, positive, strict=True):
            if user not in latest or latest[user][0] != time:
                latest[user] = time, self.as_of(user, time)
            state = latest[user][1]
            before.items.append(state.items)
            before.ages.append([(time - state.times[-1]) / 1000] if state.times else ())
            if liked:
                self.append(user, item, time)
                if self._states[user].times[-1] > time:  # it came late, and may have pushed something out
                    del latest[user]
        return before

    def put(self, user: str, state: HistoryState) -> None:
        """Set a user's history, as read from where it is stored."""
        self._states[user] = self._trimmed(tuple(state.items), tuple(state.times))
        self._evict()

    def erase(self, user: str) -> None:
        """Forget all of a user; a history without positives stands for none."""
        self._states[user] = NOTHING
        self._dirty[user] = None
        self._evict()

    def take_dirty(self) -> dict[str, HistoryState]:
        """Users changed since the last call, with all that is kept of each."""
        changed = {user: self._states[user] for user in self._dirty}
        self._dirty.clear()
        self._evict()
        return changed

    def _state(self, user: str) -> HistoryState:
        state = self._states.get(user)
        if state is not None:
            self._states.move_to_end(user)
            return state
        loaded = self._load(user) if self._load is not None else None
        if loaded is None:
            return NOTHING
        self.put(user, loaded)
        return self._states.get(user, loaded)

    def _trimmed(self, items: tuple[str, ...], times: tuple[int, ...]) -> HistoryState:
        if len(times) <= self.length:
            return HistoryState(items, times)
        latest = bisect_left(times, times[-1]) if times else 0
        begin = max(0, latest - self.length)
        kept = max(latest, len(times) - self.length)
        return HistoryState(items[begin:latest] + items[kept:], times[begin:latest] + times[kept:])

    def _evict(self) -> None:
        surplus = len(self._states) - self.users
        if surplus <= 0:
            return
        for user in list(self._states):
            if user not in self._dirty:
                del self._states[user]
                surplus -= 1
                if surplus <= 0:
                    break
