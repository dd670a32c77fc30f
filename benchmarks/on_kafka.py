"""The command line of measurements on topics of their own in a Kafka that runs already."""

import argparse
import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from benchmarks.plain_json import plain_json

Measure = Callable[[str, int, Path], Awaitable[Any]]


def run(name: str, about: str | None, measure: Measure, rows: str, arguments: Sequence[str] | None) -> None:
    """Measure, and print what was measured on which machine, as one JSON object.

    Args:
        name: of the measurement, in the object.
        about: for `--help`.
        measure: gets the address of Kafka, the number of rows and an empty folder; gives a dataclass.
        rows: what `--rows` are.
        arguments: of the command line; the process's own for None.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", default="127.0.0.1:9092", help="Kafka, for topics of this measurement's own")
    parser.add_argument("--rows", type=int, default=1_000_000, help=rows)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        measured = asyncio.run(_measured(measure, options.bootstrap, options.rows, Path(folder)))
    print(plain_json({"machine": machine(), name: asdict(measured)}))


async def _measured(measure: Measure, bootstrap: str, rows: int, folder: Path) -> Any:
    return await measure(bootstrap, rows, folder)
