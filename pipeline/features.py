"""Ids and feature mappings to flat lists of table ids."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any, TypeVar

import numpy as np

from pipeline.arrays import Doubles, Floats, Longs
from pipeline.config import Feature, ModelConfig
from pipeline.errors import BatchError
from pipeline.native import native

Features = Mapping[str, Any]
T = TypeVar("T")
NOTED_NAMES = 64
NUMBERS = {float, int, bool, type(None)}


@dataclass(frozen=True, slots=True)
class Values:
    """Ids of one input for n rows: `counts_n` of them a row, one row after the other."""

    ids: list[str]
    counts_n: Longs

    @classmethod
    def single(cls, ids: Sequence[str]) -> "Values":
        """One id a row."""
        return cls(list(ids), np.ones(len(ids), np.int64))

    @classmethod
    def several(cls, rows: Sequence[Sequence[str]]) -> "Values":
        """Any number of ids a row."""
        counts = np.fromiter(map(len, rows), np.int64, len(rows))
        return cls([name for row in rows for name in row], counts)

    def padded(self, rows_f: Longs, width: int) -> Longs:
        """Table rows of the flat ids as (n, width), padded with row 0; no row has more than `width`."""
        padded = np.zeros((len(self.counts_n), width), np.int64)
        _pad(rows_f, self.counts_n, padded)
        return padded

    def mean_weights(self, width: int, half_life: float | None = None) -> Floats:
        """Weights that add up to 1 over the values of a row, 0 for padding, (n, width); halved every `half_life`."""
        weights: Floats = _mean_weights(width, half_life)[self.counts_n]
        return weights


@cache
def _mean_weights(width: int, half_life: float | None) -> Floats:
    """A row a count, (width + 1, width)."""
    decay = 1.0 if half_life is None else 0.5 ** (1 / half_life)
    weights_cw = np.tril(np.tile(decay ** np.arange(width), (width + 1, 1)), -1)
    weights_cw /= np.maximum(weights_cw.sum(axis=1, keepdims=True), 1)
    weights: Floats = weights_cw.astype(np.float32)
    return weights


class Encoder:
    """Reads configured features out of mappings: missing ones are padded, unknown names ignored and counted.

    >>> from pipeline.config import Task
    >>> config = ModelConfig(tasks=(Task("t"),), features=(Feature("tag", "item", "multi", max_values=2),))
    >>> encoder = Encoder(config)
    >>> encoder.values(config.features[0], [{"tag": ["a", "b", "c"]}, {"colour": 1}])
    Values(ids=['a', 'b'], counts_n=array([2, 0]))
    """

    def __init__(self, config: ModelConfig, *, strict: bool = True) -> None:
        """Values of another type than configured are refused when `strict`, else unknown ones like all others."""
        self._strict = strict
        self._known = {
            "user": frozenset(feature.name for feature in config.side("user")),
            "item": frozenset(feature.name for feature in config.side("item")),
            "context": frozenset(feature.name for feature in config.side("context")),
        }
        self.unknown_values = 0
        self.unknown_names: dict[str, None] = {}

    def values(self, feature: Feature, mappings: Sequence[Features]) -> Values:
        """Ids of a categorical or multi feature."""
        # Nearly always all values are of one type, and then several times faster to read.
        given: list[Any] = [mapping.get(feature.name) for mapping in mappings]
        types = set(map(type, given))
        if feature.kind == "categorical" and types == {str}:
            return Values.single(given)
        if feature.kind == "multi" and types == {list} and set(map(type, chain.from_iterable(given))) <= {str}:
            return Values.several([value[: feature.max_values] for value in given])
        return Values.several(self._read(_several if feature.kind == "multi" else _one, feature, mappings))

    def numbers(self, feature: Feature, mappings: Sequence[Features]) -> Doubles:
        """Raw numbers of a numeric feature, NaN where missing, (n,)."""
        given: list[Any] = [mapping.get(feature.name) for mapping in mappings]
        if set(map(type, given)) <= NUMBERS:
            numbers = np.array(given, np.float64)  # None becomes NaN
            numbers[~np.isfinite(numbers)] = np.nan
            return numbers
        return np.array(self._read(_number, feature, mappings), np.float64)

    def count_unknown(self, side: str, mappings: Sequence[Features]) -> None:
        """Count names that no feature has; the first few are noted, so that an operator can see a misspelt one."""
        known = self._known[side]
        if known.issuperset(chain.from_iterable(mappings)):
            return
        for mapping in mappings:
            if mapping.keys() <= known:
                continue
            names = mapping.keys() - known
            self.unknown_values += len(names)
            if len(self.unknown_names) < NOTED_NAMES:
                self.unknown_names.update(dict.fromkeys(f"{side}.{name}"[:80] for name in sorted(names)))

    def _read(self, read: Callable[[Any, Feature], T], feature: Feature, mappings: Sequence[Features]) -> list[T]:
        values = [mapping.get(feature.name) for mapping in mappings]
        try:
            return [read(value, feature) for value in values]
        except BatchError:
            if self._strict:
                raise
        return [self._leniently(read, feature, value) for value in values]

    def _leniently(self, read: Callable[[Any, Feature], T], feature: Feature, value: Any) -> T:
        try:
            return read(value, feature)
        except BatchError:
            self.unknown_values += 1
            return read(None, feature)


def _one(value: Any, feature: Feature) -> Sequence[str]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, bool | int | float):
        return (str(value),)
    raise BatchError(f"feature {feature.name}: expected one value, got {type(value).__name__}")


def _several(value: Any, feature: Feature) -> Sequence[str]:
    if value is None:
        return ()
    if isinstance(value, list | tuple):
        return [entry if isinstance(entry, str) else str(entry) for entry in value[: feature.max_values]]
    return _one(value, feature)


def _number(value: Any, feature: Feature) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool | int | float):
        number = float(value)
        return number if math.isfinite(number) else math.nan
    raise BatchError(f"feature {feature.name}: expected a number, got {type(value).__name__}")


@native
def _pad(rows_f: Longs, counts_n: Longs, padded_nw: Longs) -> None:
    f = 0
    for n in range(counts_n.size):
        for w in range(counts_n[n]):
            padded_nw[n, w] = rows_f[f]
            f += 1
