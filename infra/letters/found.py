"""The letters that an operator means, out of all that there are."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import NamedTuple

from streamvq_client.errors import FormatError
from streamvq_client.record import Record
from streamvq_client.snapshot import read_topic

from schemas.dead_letters import DeadLetter, arrival_ms, decode_dead_letter, decode_mark
from schemas.kafka import connection
from schemas.settings import Settings


class Found(NamedTuple):
    """A letter, and when it was written first, ms since 1970."""

    time: int
    letter: DeadLetter


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters: those for which everything that is set holds. Times in ms since 1970, the end left out."""

    reason: str | None = None
    topic: str | None = None
    key: bytes | None = None
    since: int | None = None
    until: int | None = None
    place: str | None = None

    def __contains__(self, found: Found) -> bool:
        time, letter = found
        return (
            self.reason in {None, letter.reason}
            and self.topic in {None, letter.topic}
            and self.key in {None, letter.key}
            and self.place in {None, letter.place}
            and (self.since is None or time >= self.since)
            and (self.until is None or time < self.until)
        )


@dataclass(slots=True)
class Letters:
    """A pass over the topic.

    Attributes:
        replayed: places of letters whose events were published again.
        foreign: records that are neither letters nor marks.
    """

    settings: Settings
    replayed: set[str] = field(default_factory=set)
    foreign: int = 0

    async def read(self, wanted: Wanted) -> AsyncIterator[Found]:
        """Every letter that is wanted, in the order of the topic; marks are noted on the way."""
        topic = self.settings.topics.dead_letters
        async for record in read_topic(connection(self.settings.kafka), topic):
            if place := decode_mark(record.headers):
                self.replayed.add(place)
            elif (found := self._letter(record)) and found in wanted:
                yield found

    def _letter(self, record: Record) -> Found | None:
        try:
            return Found(arrival_ms(record), decode_dead_letter(record.key, record.value, record.headers))
        except FormatError:
            self.foreign += 1
            return None
