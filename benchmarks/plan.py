"""How a set is evaluated."""

import math
from dataclasses import dataclass

from pipeline.eligibility import EVERYTHING, Eligibility
from schemas.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Plan:
    """Replays and what is asked in them.

    Attributes:
        seeds: one replay each.
        jobs: replays at a time.
        threads: threads that each computes with; one more answers while it learns.
        arms: names; none: all.
        sample: questions a full micro-batch at most; None: every positive is asked.
        deadline_s: seconds of event time after which a micro-batch is closed though it is not full; 0: never; None:
            chosen by the set, as short as it can be for a bounded cost (`benchmarks.deadlines`).
        eligible: which items any arm may answer with.
        candidates: items are filed the moment they are published, and follow the towers, as the candidate stream sees
            to; else with the next micro-batch, and only when they were just exposed.
    """

    seeds: tuple[int, ...] = (0,)
    jobs: int = 1
    threads: int = 1
    arms: tuple[str, ...] = ()
    sample: int | None = None
    deadline_s: float | None = None
    eligible: Eligibility = EVERYTHING
    candidates: bool = True

    def __post_init__(self) -> None:
        if self.deadline_s is not None and not 0 <= self.deadline_s < math.inf:
            raise SettingsError(f"--deadline {self.deadline_s:g}: expected seconds, at least 0 and finite")
