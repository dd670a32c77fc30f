"""Bytes of an item in a server's index, without its features, attributes and vector, beside those of the arrays."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import psutil
from streamvq_client.rows import ItemIndexRow, ItemRow

from benchmarks.speed.conditions import Conditions
from benchmarks.speed.figures import Figure, Spread
from infra.roles import PACKAGES
from pipeline.ids import IdMap
from serving.items import Items

SLICE: Final = 1_000
CODES: Final = 16_384
HALF_LIVES: Final = 4


def measure(conditions: Conditions) -> list[Figure]:
    """1 M items, 200,000 in the quick form, each number in a process of its own."""
    return of_size(200_000 if conditions.quick else 1_000_000)


def of_size(items: int) -> list[Figure]:
    """So many items."""
    ids, whole = _measured("ids", items), _measured("index", items)
    ours = (whole["held"] - ids["held"]) / items
    theirs = whole["arrays"] / items
    return [
        Figure(
            "index_memory_vs_arrays",
            f"index of a server, {items:,} items, one task, {HALF_LIVES} half-lives; without ids, features and vectors",
            "places of its arrays that are in use",
            "bytes an item",
            Spread.once(ours),
            Spread.once(theirs),
            theirs / ours,
            {"items": items, "codes": CODES, "id_bytes": round(ids["held"] / items, 1)},
        )
    ]


def _measured(what: str, items: int) -> dict[str, int]:
    command = [sys.executable, "-m", __name__, what, str(items)]
    done = subprocess.run(command, cwd=PACKAGES, capture_output=True, text=True, check=True)  # noqa: S603
    found: dict[str, int] = json.loads(done.stdout)
    return found


def _main(what: str, items: int) -> None:
    fill: Callable[[int], Any] = {"ids": _ids, "index": _index}[what]
    fill(SLICE)  # compiled loops, and whatever else is loaded once
    process = psutil.Process()
    before = process.memory_info().rss
    held = fill(items)
    found = {"held": process.memory_info().rss - before, "arrays": _arrays(held, items)}
    sys.stdout.write(json.dumps(found))


def _slices(items: int) -> Iterator[range]:
    return (range(begin, min(begin + SLICE, items)) for begin in range(0, items, SLICE))


def _ids(items: int) -> IdMap:
    ids = IdMap()
    for numbers in _slices(items):
        ids.insert([f"item-{n}" for n in numbers])
    return ids


def _index(items: int) -> Items:
    held, rng = Items(), np.random.default_rng(0)
    for numbers in _slices(items):
        clusters, biases = rng.integers(CODES, size=SLICE).tolist(), rng.normal(0, 0.5, SLICE).tolist()
        for n, cluster, bias in zip(numbers, clusters, biases, strict=False):
            held.put_item(f"item-{n}", ItemRow({}, {}, published=1_700_000_000_000 + n))
            row = ItemIndexRow([cluster], [bias], [9.0 + bias] * HALF_LIVES, 10, n, 1_700_000_000_000 + n, 0)
            held.put_index(f"item-{n}", row)
        held.settle()
    return held


def _arrays(held: Any, items: int) -> int:
    """Bytes of the used places of all arrays."""
    if not isinstance(held, Items):
        return 0
    owners = (held, held.index, held.postings)
    arrays = [value for owner in owners for value in vars(owner).values() if isinstance(value, np.ndarray)]
    return sum(array.nbytes * min(items, max(array.shape)) // max(array.shape) for array in arrays if array.size)


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
