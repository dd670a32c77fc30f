"""Means over seeds of results of the same shape."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.confidence import over_seeds

INTERVAL = "interval"


def mean_of(results: Sequence[Any]) -> Any:
    """Numbers become their mean, mappings and lists are gone through; of everything else the first counts.

    An `interval` becomes that over users and seeds, of the numbers beside it that it speaks of. Whole numbers that
    agree stay whole; lists that differ in length, like those of two codebooks, are the first one's.

    >>> mean_of([{"a": 1.0, "n": 2, "name": "x"}, {"a": 2.0, "n": 2, "name": "x"}])
    {'a': 1.5, 'n': 2, 'name': 'x'}
    """
    first = results[0]
    if isinstance(first, Mapping):
        return {key: _entry(key, [result for result in results if key in result]) for key in first}
    if isinstance(first, list):
        if len({len(result) for result in results}) > 1:
            return first
        return [mean_of(entries) for entries in zip(*results, strict=True)]
    if isinstance(first, bool) or not isinstance(first, int | float) or all(value == first for value in results):
        return first
    return sum(results) / len(results)


def _entry(key: str, results: Sequence[Mapping[str, Any]]) -> Any:
    if key != INTERVAL or len(results) == 1:
        return mean_of([result[key] for result in results])
    held = [result[INTERVAL] for result in results]
    if isinstance(held[0], Mapping):
        return {
            name: list(over_seeds([result[name] for result in results], [bounds[name] for bounds in held]))
            for name in held[0]
        }
    return list(over_seeds([result["hit@100"] for result in results], held))  # the one number with a bare interval
