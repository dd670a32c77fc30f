"""What a user of `svq soak` may choose."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Source = Literal["exposures", "candidates"]

SAMPLE_S = 0.6, 5.0  # least and most from one sample to the next
SAMPLES = 25  # at least: five in each of the windows that are compared


@dataclass(frozen=True, slots=True)
class Options:
    """Choices, all with a default that works.

    Attributes:
        overload: what to publish far too much of instead of a steady load.
        times: the greatest rate, then.
        minutes: of steady load, warm-up included; or of overload.
        warm_minutes: of these, before growth is measured.
        share: of the greatest rate.
        calibrate_s: how long the greatest rate is looked for; its second half counts.
        most_mb: resident memory of a process may grow by less than this.
        most_files: open files and threads of a process may grow by no more than this.
        users, items: how many of them.
        turns: items taken off and put on a second.
        queries: asked a second.
        seed: of the events.
        indexers: how many.
        as_json: print one JSON object on standard output and nothing else there.
        keep: keep all data and logs here, in an empty folder; None takes a temporary one, kept when something is wrong.
    """

    overload: Source | None = None
    times: float = 10.0
    minutes: float = 60.0
    warm_minutes: float = 15.0
    share: float = 0.7
    calibrate_s: float = 60.0
    most_mb: float = 20.0
    most_files: int = 0
    users: int = 1000
    items: int = 4000
    turns: float = 2.0
    queries: float = 5.0
    seed: int = 0
    indexers: int = 1
    as_json: bool = False
    keep: Path | None = None

    @property
    def measured_s(self) -> float:
        """Seconds of load behind the warm-up; an overload has none."""
        return 60 * (self.minutes - (0.0 if self.overload else self.warm_minutes))

    @property
    def sample_s(self) -> float:
        """Seconds from one sample of the processes to the next."""
        least, most = SAMPLE_S
        return max(least, min(most, self.measured_s / SAMPLES))
