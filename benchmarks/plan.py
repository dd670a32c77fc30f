"""How a set is evaluated."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """Replays and what is asked in them.

    Attributes:
        seeds: one replay each.
        jobs: replays at a time.
        threads: threads of each.
        arms: names; none: all.
        sample: questions a micro-batch at most; None: every positive is asked.
    """

    seeds: tuple[int, ...] = (0,)
    jobs: int = 1
    threads: int = 1
    arms: tuple[str, ...] = ()
    sample: int | None = None
