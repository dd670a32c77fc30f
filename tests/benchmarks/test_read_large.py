"""Two million rows are read within bounded memory and time, with progress on standard error."""

import json
import os
import pty
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

ROWS = 2_000_000
MOST_MIB = 700  # beyond what the interpreter and its libraries take; 10 million rows then take 3.5 GiB at most
PROGRAM = """
import json, resource, sys
from benchmarks.data import progress
from benchmarks.data.reading import read_interactions
progress.PATIENCE_S = progress.LINE_EVERY_S = 0.05
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read = read_interactions(sys.argv[1])
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([len(read), len(read.items), (after - before) / 1024]))
"""


@pytest.fixture(scope="module")
def table() -> pa.Table:
    rng = np.random.default_rng(3)
    return pa.table(
        {
            "user_id": rng.integers(0, 400_000, ROWS),
            "item_id": [f"item-{number}" for number in rng.zipf(1.3, ROWS) % 60_000],
            "timestamp": np.sort(rng.integers(1_600_000_000, 1_610_000_000, ROWS)),
            "is_click": rng.integers(0, 2, ROWS).astype(np.int8),
            "watch_s": rng.random(ROWS).round(3),
        }
    )


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_two_million_rows(tmp_path: Path, table: pa.Table, form: str) -> None:
    path = tmp_path / f"large.{form}"
    (pq.write_table if form == "parquet" else csv.write_csv)(table, path)
    done = run(path)
    rows, items, mebibytes = json.loads(done.stdout)
    assert rows == ROWS
    assert items == len(table["item_id"].unique())
    assert mebibytes < MOST_MIB
    assert f"Reading {path.name}: " in done.stderr


def run(path: Path, **options: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", PROGRAM, str(path)]
    folder = Path(__file__).parents[2]
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.run(command, **piped, text=True, cwd=folder, check=True, timeout=90)


def test_a_terminal_gets_a_bar_and_standard_output_stays_clean(tmp_path: Path, table: pa.Table) -> None:
    path = tmp_path / "large.parquet"
    pq.write_table(table.slice(0, 600_000), path)
    ours, theirs = pty.openpty()
    shown = bytearray()
    reader = threading.Thread(target=drain, args=(ours, shown))
    reader.start()
    try:
        done = run(path, stderr=theirs)
    finally:
        os.close(theirs)
        reader.join()
        os.close(ours)
    assert json.loads(done.stdout)[0] == 600_000
    assert "Reading large.parquet" in shown.decode()
    assert "%" in shown.decode()


def drain(terminal: int, shown: bytearray) -> None:
    with suppress(OSError):  # that is how a terminal ends whose other side is closed
        while piece := os.read(terminal, 4096):
            shown += piece
