"""What a part of the bench is given."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Conditions:
    """How thoroughly to measure, and with what.

    Attributes:
        quick: smaller sizes and fewer repeats: minutes instead of an hour.
        folder: for whatever is written meanwhile; removed afterwards.
        bootstrap: address of a Kafka for topics of the bench's own; the broker starts when it is first asked for.
        say: told what is going on.
    """

    quick: bool
    folder: Path
    bootstrap: Callable[[], str]
    say: Callable[[str], None]

    def repeats(self, full: int) -> int:
        """How often to measure: `full`, a third of it for the quick form, at least 3."""
        return max(3, full // 3) if self.quick else full
