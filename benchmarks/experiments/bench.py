"""Replays of one stream with one seed under different settings; the same one is never replayed twice."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from benchmarks.experiments.streams import Stream
from benchmarks.interactions import Interactions
from benchmarks.one_run import Numbers, run_once
from pipeline.config import ModelConfig


@dataclass(frozen=True, slots=True)
class Variant:
    """What differs from the defaults.

    Attributes:
        settings: of the model, by name.
        primary_only: train nothing but the first task.
        options: what else the measure of the experiment reads.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    primary_only: bool = False
    options: Mapping[str, int | float] = field(default_factory=dict)


class Bench:
    """One stream and seed; the stream is loaded when it is first needed.

    Attributes:
        name: of the stream.
        sample: questions a micro-batch at most; None: all.
    """

    def __init__(self, name: str, seed: int, load: Callable[[str, int], Stream], sample: int | None = None) -> None:
        self.name, self.seed, self.sample = name, seed, sample
        self._load = load
        self._done: dict[tuple[str, tuple[str, ...]], Numbers] = {}

    @cached_property
    def stream(self) -> Stream:
        """The interactions."""
        return self._load(self.name, self.seed)

    @property
    def ceiling(self) -> float | None:
        """The most that hit@100 can be over the stream, where the truth is known."""
        ceiling_n = self.stream.ceiling_n
        return None if ceiling_n is None else float(np.mean(ceiling_n))

    def run(self, variant: Variant, arms: Sequence[str]) -> Numbers:
        """The numbers of one replay."""
        set_, config = self.prepared(variant)
        key = config.hash(), tuple(arms)
        if key not in self._done:
            self._done[key] = run_once(set_, config, self.seed, arms=arms, sample=self.sample)
        return self._done[key]

    def prepared(self, variant: Variant) -> tuple[Interactions, ModelConfig]:
        """Interactions and configuration of a variant.

        Raises:
            ConfigError: a setting is unknown or out of range.
        """
        set_ = _primary(self.stream.set) if variant.primary_only else self.stream.set
        defaults = ModelConfig(tasks=set_.tasks, features=set_.features, seed=self.seed)
        return set_, ModelConfig.from_dict({**defaults.to_dict(), **variant.settings})


def _primary(set_: Interactions) -> Interactions:
    return replace(set_, tasks=set_.tasks[:1], labels_nt=np.ascontiguousarray(set_.labels_nt[:, :1]))
