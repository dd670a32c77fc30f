"""Does a process grow? Decided from samples of what it uses, after it has warmed up."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from infra.soak.usage import Usage

WINDOWS = 5  # the first and the last fifth of the time after warm-up are compared


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB: medians of the first and the last window, their difference, and the largest sample."""

    first: float
    last: float
    growth: float
    largest: float


@dataclass(frozen=True, slots=True)
class Count:
    """Open files, or threads: they go up and down, so they grew if they never came down again to where they were.

    `growth` is the least of the last window less the largest of the first, 0 if that is below.
    """

    first: int
    last: int
    growth: int
    largest: int


@dataclass(frozen=True, slots=True)
class Growth:
    """One process after warm-up; `samples` counts those of the two windows."""

    rss: Memory
    uss: Memory
    files: Count
    threads: Count
    samples: int

    def complaints(self, most_mb: float, most_files: int = 0) -> list[str]:
        """What grew beyond what may: memory by `most_mb` or more, files and threads by more than `most_files`."""
        found = []
        if self.rss.growth >= most_mb:
            found.append(f"resident memory grew by {self.rss.growth:.1f} MiB")
        for name, count in (("open files", self.files), ("threads", self.threads)):
            if count.growth > most_files:
                found.append(f"{name} grew by {count.growth}")
        return found

    def plain(self) -> dict[str, Any]:
        """JSON types, MiB to one decimal."""
        return {
            name: {key: round(number, 1) for key, number in value.items()} if isinstance(value, dict) else value
            for name, value in asdict(self).items()
        }


def growth(samples: Sequence[Usage], warm_at: float) -> Growth | None:
    """How one process grew from `warm_at` to its last sample; None without a sample in each window.

    >>> steady = [Usage(at, 1, 100.0 + at % 3, 80.0, 50, 9) for at in range(100)]
    >>> growth(steady, warm_at=20).complaints(most_mb=20)
    []
    >>> leaking = [Usage(at, 1, 100.0 + at / 2, 80.0, 50 + at // 10, 9) for at in range(100)]
    >>> growth(leaking, warm_at=20).complaints(most_mb=20)
    ['resident memory grew by 32.0 MiB', 'open files grew by 5']
    """
    warm = [one for one in samples if one.at >= warm_at]
    if not warm:
        return None
    width = (warm[-1].at - warm_at) / WINDOWS
    first = [one for one in warm if one.at <= warm_at + width]
    last = [one for one in warm if one.at >= warm[-1].at - width]
    if not first or not last:
        return None
    return Growth(
        _memory([one.rss for one in first], [one.rss for one in last], [one.rss for one in warm]),
        _memory([one.uss for one in first], [one.uss for one in last], [one.uss for one in warm]),
        _count([one.files for one in first], [one.files for one in last], [one.files for one in warm]),
        _count([one.threads for one in first], [one.threads for one in last], [one.threads for one in warm]),
        len(first) + len(last),
    )


def _memory(first: Sequence[float], last: Sequence[float], every: Sequence[float]) -> Memory:
    return Memory(median(first), median(last), median(last) - median(first), max(every))


def _count(first: Sequence[int], last: Sequence[int], every: Sequence[int]) -> Count:
    return Count(round(median(first)), round(median(last)), max(0, min(last) - max(first)), max(every))
