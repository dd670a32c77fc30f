"""What is skipped while events are decoded."""

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Counts of what was skipped in events that could be decoded; for a metric."""

    unknown_fields: int = 0
