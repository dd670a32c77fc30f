"""How fast a replay is said to be."""

from benchmarks.progress import ReplayProgress


def test_the_rate_leaves_out_what_it_took_to_begin_and_is_even_over_reports() -> None:
    progress = ReplayProgress(100_000, (0, 1))
    assert told(progress, 0, 8000, 30.0) == 0.0  # nothing to compare with yet
    assert told(progress, 0, 8000, 32.0) == 4000.0
    assert told(progress, 0, 100, 32.1) == 8100 / (32.1 - 30.0)  # a late rest is no jump
    assert told(progress, 1, 8000, 40.0) == 0.0  # seeds are apart


def told(progress: ReplayProgress, seed: int, events: int, now: float) -> float:
    progress(seed, events)
    return progress.rate(seed, now)
