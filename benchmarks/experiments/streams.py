"""The streams that experiments run on, by name."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.interactions import Interactions
from benchmarks.synthetic.drift import Drift, drifting
from pipeline.arrays import Doubles

DEPTH: Final = 100  # of the answers that the ceiling is of
DRAWN: Final[dict[str, Drift]] = {"drift": Drift(), "still": Drift().still()}


@dataclass(frozen=True, slots=True)
class Stream:
    """Interactions, and where the truth is known the most that hit@100 of each exposure can be."""

    set: Interactions
    ceiling_n: Doubles | None = None


def load(name: str, seed: int, read: Callable[[str], Interactions], head: int | None = None) -> Stream:
    """A stream by name: `drift` and `still` are drawn, another one for each seed.

    Args:
        name: of the stream.
        seed: of a drawn one.
        read: gives the interactions of any other name.
        head: only so many exposures from the start.
    """
    if name not in DRAWN:
        given = read(name)
        return Stream(given if head is None else given.head(head))
    drawn, truth = drifting(replace(DRAWN[name], seed=seed))
    cut = replace(drawn if head is None else drawn.head(head), name=name)
    return Stream(cut, truth.ceiling(cut, DEPTH))
