"""Where the stream of one source partition stands, and which events belong to this ownership of it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

from aiokafka import TopicPartition

from tables.errors import StalledError

DOUBT_DEADLINE_S = 5.0


class Message(NamedTuple):
    """A record; the timestamp is in seconds, the generation is the one in which Faust handed it on."""

    topic: str
    partition: int
    offset: int
    generation_id: int
    timestamp: float
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class Delivered(NamedTuple):
    """A record as steps take it."""

    message: Message


class Event(Protocol):
    """A record as a Faust stream hands it over, or `Delivered`."""

    @property
    def message(self) -> Message: ...  # noqa: D102


E = TypeVar("E", bound=Event)


class Position:
    """The next offset of a source partition, and whether the stream is known to begin there.

    Around a rebalance Faust hands on records that it fetched before, stamped with the new generation, can hand one on
    twice, and can drop the ones that should come first. So the first event of an ownership must be the *anchor*, the
    first committed record at or after the committed offset, looked up in Kafka; whatever comes before it is dropped.

    Attributes:
        next_offset: first offset that no step has seen.
        committed: offset that Kafka holds for the group.
        anchor: offset of the anchor once it was looked up.
    """

    def __init__(self, source: TopicPartition, committed: int) -> None:
        self.source = source
        self.next_offset = committed
        self.committed = committed
        self.anchor: int | None = None
        self._anchored = False
        self._doubtful_since: float | None = None

    def fresh(self, events: Sequence[E], generation: int) -> list[E]:
        """Events of this generation, in order, each once; one comparison a batch would miss repeats within it."""
        seen, fresh = self.next_offset - 1, []
        for event in events:
            message = event.message
            if message.generation_id == generation and message.offset > seen:
                seen = message.offset
                fresh.append(event)
        return fresh

    @property
    def needs_anchor(self) -> bool:
        """Whether the anchor has to be looked up before events can be admitted."""
        return self.anchor is None and not self._anchored

    def admit(self, fresh: list[E], now: float) -> list[E]:
        """What a step may take of `fresh`: from the anchor on. They count as seen from here.

        Raises:
            StalledError: the anchor did not arrive within a few seconds of the first event.
        """
        if not fresh:
            return fresh
        if not self._anchored:
            fresh = self._from_anchor(fresh, now)
        if fresh:
            self.next_offset = fresh[-1].message.offset + 1
        return fresh

    def skip_to(self, offset: int) -> None:
        """Nothing but transaction markers and aborted records lies before `offset`."""
        if offset > self.next_offset:
            self.next_offset = offset
            if not self._anchored:
                self.anchor = None

    def _from_anchor(self, fresh: list[E], now: float) -> list[E]:
        first = next((i for i, event in enumerate(fresh) if event.message.offset == self.anchor), None)
        if first is not None:
            self._anchored = True
            return fresh[first:]
        self._doubtful_since = now if self._doubtful_since is None else self._doubtful_since
        if now - self._doubtful_since > DOUBT_DEADLINE_S:
            topic, partition = self.source
            raise StalledError(f"record {self.anchor} of {topic}-{partition} was never delivered")
        return []
