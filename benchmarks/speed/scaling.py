"""What a load needs, from what one process was measured to do.

python -m benchmarks.speed.scaling result.json --users 10e6 --items 100e6 --exposures 200e3
"""

import argparse
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.speed.markdown import number, table

GIB: Final = 1 << 30
ROW_BYTES: Final = 64 * 4 + 4 + 60
"""Of an embedding row in `parameters`: 64 numbers, a bias, its key and what Kafka adds."""
HISTORY_BYTES: Final = 6_000
"""Of a user's last 200 positives in a server, ids of 12 letters shared with the items."""


@dataclass(frozen=True, slots=True)
class Load:
    """What comes in, and what a machine has.

    Attributes:
        users, items: known at a time.
        exposures, candidates, queries: a second.
        distinct: share of the exposures of a publish interval that are of different items, and of different users.
        memory_gib: of a machine for servers.
        scan_s: a full pass of the scanner.
    """

    users: float = 10e6
    items: float = 100e6
    exposures: float = 200e3
    candidates: float = 2e3
    queries: float = 10e3
    distinct: float = 0.6
    memory_gib: float = 128.0
    scan_s: float = 3600.0


class Need(NamedTuple):
    """A part, what one process of it does, what is asked of it, and how many that takes."""

    part: str
    one: float
    asked: float
    unit: str

    @property
    def processes(self) -> int:
        """At least one."""
        return max(1, math.ceil(self.asked / self.one))


def needs(load: Load, result: Mapping[str, Any]) -> Iterator[Need]:
    """Every part whose capacity is among the figures of a result."""
    measured = {one["name"]: one["ours"]["p50"] for part in result["parts"].values() for one in part["figures"]}
    placed = load.exposures * load.distinct
    asked = {
        "trainers (one is possible today)": ("end_to_end_vs_core", load.exposures, "exposures/s"),
        "indexers, for `assignments`": ("assignment_rows_vs_produce", placed, "rows/s"),
        "indexers, for `candidates`": ("candidate_rows_vs_produce", load.candidates, "items/s"),
        "indexers, for the scan": ("assign_vs_faiss_16384", load.items / load.scan_s, "items/s"),
        "servers, for queries": ("http_8_rate_vs_bare_endpoint", load.queries, "queries/s"),
    }
    for part, (name, wanted, unit) in asked.items():
        if name in measured:
            yield Need(part, measured[name], wanted, unit)
    if "server_memory_vs_arrays" in measured:
        held = load.items * measured["server_memory_vs_arrays"] + load.users * HISTORY_BYTES
        yield Need("servers, for memory", load.memory_gib, held / GIB, "GiB")
    # Each version carries the rows of the users and items of its interval; every worker and server reads them all.
    yield Need("`parameters`, one partition", 50.0, 2 * placed * ROW_BYTES / 1e6, "MB/s")


def shown(load: Load, result: Mapping[str, Any]) -> str:
    """The table."""
    found = sorted(needs(load, result), key=lambda need: -need.asked / need.one)
    rows = [
        [need.part, f"{number(need.one)} {need.unit}", f"{number(need.asked)} {need.unit}", str(need.processes)]
        for need in found
    ]
    return table(["part", "one does", "asked", "how many"], rows)


def main() -> None:
    """Print it, the part that saturates first at the top."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("result", type=Path, help="what `svq bench --out` stored")
    for field in fields(Load):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=float, default=field.default)
    options = vars(parser.parse_args())
    result = json.loads(options.pop("result").read_text())
    print(shown(Load(**options), result))


if __name__ == "__main__":
    main()
