"""What one version carries, and what happened since the one before."""

from collections import Counter
from dataclasses import dataclass, field

from pipeline.batch import StepReport
from schemas.parameters import Commit, ParameterRecord
from tables.transaction import Record


@dataclass(frozen=True, slots=True)
class Cut:
    """One version, ready for the wire.

    Attributes:
        commit: as in the last record of both topics.
        parameters, state: records of the two topics.
        histories: partition -> changed rows, None for those that are gone.
        blocks: (partition, placements).
        dead_letters: elements passed over.
    """

    commit: Commit
    parameters: list[ParameterRecord]
    state: list[ParameterRecord]
    histories: dict[int, dict[bytes, bytes | None]]
    blocks: list[tuple[int, bytes]]
    dead_letters: list[Record]

    def reasons(self) -> Counter[str]:
        """Dead letters by reason."""
        return Counter(dict(letter.headers)["reason"].decode() for letter in self.dead_letters)


@dataclass(slots=True)
class Progress:
    """What happened since the last cut.

    Attributes:
        exposures: of each item.
        erased: users, by request.
        moved: whether anything at all happened; records without exposures move the stream too.
    """

    moved: bool = False
    exposures: Counter[str] = field(default_factory=Counter)
    dead_letters: list[Record] = field(default_factory=list)
    events: int = 0
    erased: int = 0
    loss_aux: float = 0.0
    loss_ind: float = 0.0

    def add(self, report: StepReport) -> None:
        """Count a step."""
        self.events += report.events
        self.loss_aux += report.loss_aux * report.events
        self.loss_ind += report.loss_ind * report.events

    def metrics(self) -> dict[str, float]:
        """For the commit; losses are means over the events."""
        events = max(self.events, 1)
        return {
            "events": self.events,
            "items": len(self.exposures),
            "dead_letters": len(self.dead_letters),
            "erased": self.erased,
            "loss_aux": self.loss_aux / events,
            "loss_ind": self.loss_ind / events,
        }
