"""Would the server have answered with what users liked next, and would popularity have?"""

import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from streamvq_client.record import Record
from streamvq_client.rows import HistoryRow, decode_history

from schemas.http import Answer, Query
from schemas.http_console import Foreseen, Foresight, title_of
from schemas.parameters import COMMIT_KEY, decode_commit
from serving.console.learnt import Learnt
from serving.replica import Replica
from serving.stream_time import now_ms

K: Final = 100
SHORT: Final = 10
LATEST: Final = 50
PENDING: Final = 64
MOST_ITEMS: Final = 100
"""Of one sample: somebody who likes a thousand things at once is still one user."""


class _Asked(NamedTuple):
    """A sample: the version that answered, when Kafka took the row that told what was liked, and how it went."""

    version: int
    time: int
    items: list[Foreseen]


class Prequential:
    """Asks the server about sampled users when it has read what they liked, and before that takes effect.

    So it is prequential: history, index and model are those of a moment before. What is unclear is left out: when the
    model in force may have learnt from the same events, as the rows of one transaction come by several ways.

    Args:
        replica: what answers.
        topics: of the parameters, and of the histories.
        ask: answers a question from the replica as it is.
        share: of one core that this may take.
        rng: chooses among the users.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        replica: Replica,
        topics: tuple[str, str],
        ask: Callable[[Query], Answer],
        share: float,
        rng: random.Random | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._replica, self._ask, self._share, self._clock = replica, ask, share, clock
        self._parameters, self._histories = topics
        self._rng = rng or random.Random()  # noqa: S311 - nobody gains by guessing it
        self._learnt = Learnt()
        self._pending: deque[_Asked] = deque()
        self._latest: deque[Foreseen] = deque(maxlen=LATEST)
        self._not_before = 0.0
        self.samples = self.unclear = self.judged = 0
        self.hits = {SHORT: 0, K: 0}
        self.popular = {SHORT: 0, K: 0}

    def look(self, records: Sequence[Record], *, ready: bool) -> None:
        """Records that were read and have not taken effect."""
        for record in records:
            if record.topic == self._parameters and record.key == COMMIT_KEY and record.value is not None:
                self._learnt.closed(decode_commit(record.value), record.timestamp)
        if ready and self._share > 0 and self._replica.commit is not None and self._clock() >= self._not_before:
            begin = self._clock()
            if self._sample([record for record in records if record.topic == self._histories and record.value]):
                taken = self._clock() - begin
                self._not_before = begin + taken / self._share
        self._judge()

    def seen(self) -> Foresight:
        """How it went so far."""
        judged = self.judged or None
        return Foresight(
            share=self._share,
            samples=self.samples,
            unclear=self.unclear,
            judged=self.judged,
            hit_10=judged and self.hits[SHORT] / judged,
            hit_100=judged and self.hits[K] / judged,
            popular_10=judged and self.popular[SHORT] / judged,
            popular_100=judged and self.popular[K] / judged,
            latest=list(reversed(self._latest)),
        )

    def _sample(self, records: Sequence[Record]) -> bool:
        """Ask about one user of these rows; False if none tells of anything new."""
        first = {record.key: record for record in reversed(records) if record.key is not None}
        if not first:
            return False
        record = self._rng.choice(list(first.values()))
        user = (record.key or b"").decode(errors="replace")
        liked = list(dict.fromkeys(news(self._replica.histories.get(user), decode_history(record.value or b""))))
        if not liked or self._replica.commit is None:
            return False
        if len(self._pending) == PENDING:
            self._pending.popleft()
            self.unclear += 1
        items = list(self._foreseen(user, liked[:MOST_ITEMS]))
        self._pending.append(_Asked(self._replica.commit.version, record.timestamp, items))
        return True

    def _foreseen(self, user: str, liked: Sequence[str]) -> Iterator[Foreseen]:
        answer = self._ask(Query(user_id=user, k=K))
        places = {found.id: place for place, found in enumerate(answer.items, 1)}
        index, shown = self._replica.items, self._replica.items.retrievable()
        popularity_n = index.popularity(shown)
        for item in liked:
            slot = index.find(item)
            known = slot is not None and bool(index.shown(np.array([slot]))[0])
            more = int((popularity_n > index.popularity(np.array([slot]))[0]).sum()) if known else None
            title = title_of(index.attributes(np.array([slot]))[0]) if slot is not None else None
            yield Foreseen(now_ms(), user, item, title, places.get(item), None if more is None else more + 1)

    def _judge(self) -> None:
        waiting: deque[_Asked] = deque()
        for asked in self._pending:
            later = self._learnt.precedes(asked.version, asked.time)
            if later is None:
                waiting.append(asked)
            elif later:
                self._count(asked.items)
            else:
                self.unclear += 1
        self._pending = waiting
        if self._replica.commit is not None:
            self._learnt.forget(min([self._replica.commit.version, *(asked.version for asked in waiting)]))

    def _count(self, items: Sequence[Foreseen]) -> None:
        self.samples += 1
        self.judged += len(items)
        for k in (SHORT, K):
            self.hits[k] += sum(item.place is not None and item.place <= k for item in items)
            self.popular[k] += sum(item.popular_place is not None and item.popular_place <= k for item in items)
        self._latest.extend(items)


def news(before: HistoryRow | None, after: HistoryRow) -> list[str]:
    """What the later row has been given, oldest first; a row that only lost something tells of nothing.

    >>> news(HistoryRow(["a", "b"], [1, 2]), HistoryRow(["b", "a"], [2, 3])), news(None, HistoryRow(["a"], [1]))
    (['a'], ['a'])
    """
    known = set(zip(before.items, before.times, strict=True)) if before else set()
    return [item for item, at in zip(after.items, after.times, strict=True) if (item, at) not in known]
