"""What the parts must reach, and whether they do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from benchmarks.speed.figures import Figure

Number = Literal["ratio", "p50", "p99"]


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound of one number of one figure; at least the bound, or at most."""

    figure: str
    number: Number
    bound: float
    at_least: bool = True

    def of(self, figure: Figure) -> float:
        """The number."""
        return figure.ratio if self.number == "ratio" else float(getattr(figure.ours, self.number))

    def reached(self, figure: Figure) -> bool:
        """Whether it is within the bound."""
        return self.of(figure) >= self.bound if self.at_least else self.of(figure) <= self.bound


def _most(figure: str, p50: float, p99: float | None = None) -> list[Goal]:
    bounds: list[tuple[Number, float | None]] = [("p50", p50), ("p99", p99)]
    return [Goal(figure, number, bound, at_least=False) for number, bound in bounds if bound is not None]


GOALS: Final = (
    Goal("end_to_end_vs_core", "ratio", 0.7),
    Goal("core_vs_bare_torch", "ratio", 0.6),
    *(Goal(f"assign_vs_faiss_{codes}", "ratio", 0.7) for codes in (1024, 4096, 16_384, 32_768)),
    *_most("candidate_age_vs_rebuild_half", 40, 150),
    *_most("exposure_age_vs_rebuild_half", 400, 1000),
    *_most("merge_50000_of_1m_vs_exact", 1.5, 4),
    *_most("merge_50000_of_10m_vs_exact", 2),
    Goal("http_8_vs_bare_endpoint", "p99", 20, at_least=False),
    Goal("http_8_rate_vs_bare_endpoint", "p50", 400),
    Goal("assignment_rows_vs_produce", "p50", 100_000),
    Goal("candidate_rows_vs_produce", "p50", 10_000),
    Goal("restore_indexer_vs_getmany", "p50", 10, at_least=False),
    Goal("restore_server_vs_getmany", "p50", 5, at_least=False),
    Goal("index_memory_vs_arrays", "p50", 40, at_least=False),
)


def judged(figures: Iterable[Figure]) -> list[Mapping[str, Any]]:
    """Every goal whose figure was measured."""
    by_name = {figure.name: figure for figure in figures}
    return [
        {
            "figure": goal.figure,
            "number": goal.number,
            "at_least" if goal.at_least else "at_most": goal.bound,
            "measured": goal.of(by_name[goal.figure]),
            "reached": goal.reached(by_name[goal.figure]),
        }
        for goal in GOALS
        if goal.figure in by_name
    ]
