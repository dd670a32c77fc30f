"""What an experiment is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.experiments.bench import Bench, Variant

Measured = dict[str, dict[str, float]]
"""Numbers by variant and name."""
Measure = Callable[[Bench, Mapping[str, Variant]], Measured]

NO_STREAM = "simulated"
"""For what needs no interactions."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """Variants side by side on the same streams with the same seeds.

    Attributes:
        title: a few words.
        question: what is asked, and what answer would drop the part.
        source: where the claim is from.
        variants: by name; the first is what the others are compared with.
        streams: names of the streams it runs on.
        columns: numbers shown, of all that are stored; differences are of the first.
        measure: gives the numbers of all variants for one stream and seed.
    """

    title: str
    question: str
    source: str
    variants: Mapping[str, Variant]
    streams: tuple[str, ...]
    columns: tuple[str, ...]
    measure: Measure
