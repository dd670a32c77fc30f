"""The agent that reads exposures: decodes each record and hands its elements to the session that learns."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

from agents.micro_batch import Element, Position
from schemas.dead_letters import dead_letter, encode_dead_letter
from schemas.errors import InvariantError
from schemas.events import Exposure, Rejected, Tally, decode_exposures
from tables.app import add_agent
from tables.position import Event, Message
from tables.transaction import Record

Elements = list[Element[Exposure, Record]]
# A record may be an array of 1 MiB: what waits undecoded is bounded by their number (Faust's default is 4,096).
RECORDS_AT_A_TIME = 64
RECORDS_WAITING = 128
WITHIN_S = 0.02


class Intake(Protocol):
    """Takes the events that Faust delivers."""

    async def take(self, events: Sequence[Event]) -> None:
        """Take them all; returns when there is room for more."""


class ExposureDecoder:
    """Decodes the records of one ownership, which begins inside the first record of a partition perhaps."""

    def __init__(self, positions: Mapping[int, Position], tasks: AbstractSet[str]) -> None:
        """Go on at `positions`; labels may have the names of `tasks`."""
        self._begins = {partition: position for partition, position in positions.items() if position.within}
        self._tasks = tasks
        self.tally = Tally()

    def decode(self, message: Message) -> tuple[Position, Elements]:
        """Where the record begins, and its elements from there on, never none.

        Raises:
            InvariantError: the record that was learnt in part is not what comes first.
        """
        elements = self._elements(message)
        begin = self._begins.pop(message.partition, None)
        if begin is None:
            return Position(message.offset), elements
        if message.offset != begin.offset or len(elements) <= begin.within:
            raise InvariantError(
                f"{message.topic}-{message.partition}: the model has learnt {begin.within} elements of record "
                f"{begin.offset}, but record {message.offset} with {len(elements)} comes first: the topic was changed"
            )
        return begin, elements[begin.within :]

    def _elements(self, message: Message) -> Elements:
        # The broker's time of arrival, so that a record is judged the same whenever it is read.
        now_ms = round(message.timestamp * 1000)
        exposures, rejected = decode_exposures(message.value, message.key, now_ms, self._tasks, self.tally)
        if message.value is None and not rejected:
            return [Element(None, None, erased=(message.key or b"").decode())]
        if not rejected:
            return [Element(exposure, None) for exposure in exposures] or [Element(None, None)]
        refused = {one.index or 0: _letter(one, message) for one in rejected}
        taken = iter(exposures)
        return [
            Element(None, refused[place]) if place in refused else Element(next(taken), None)
            for place in range(len(exposures) + len(rejected))
        ]


def add_exposures_agent(app: Any, source: Any, intake: Intake) -> None:
    """Feed `intake` from the source."""
    app.conf.stream_buffer_maxsize = RECORDS_WAITING

    async def exposures(stream: Any) -> None:
        async for events in stream.take_events(RECORDS_AT_A_TIME, within=WITHIN_S):
            await intake.take(events)

    add_agent(app, source, "exposures", exposures)


def _letter(rejected: Rejected, message: Message) -> Record:
    return Record(*encode_dead_letter(dead_letter(rejected, message)))
