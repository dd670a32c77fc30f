"""The short forms of `svq soak`: whole stacks, real load, less time and wider bounds than the long ones."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SMALL = ("--calibrate", "6", "--items", "200", "--users", "100", "--json")
# So soon after the start every process still takes what it will need; a leak worth the name takes more.
BOUNDS = ("--most-mb", "120", "--most-files", "20")


def soaked(folder: Path, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "infra.cli", "soak", *SMALL, "--folder", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, report["complaints"]) == (0, []), done.stderr
    return report


@pytest.mark.timeout(300)
def test_a_steady_load(tmp_path: Path) -> None:
    report = soaked(tmp_path / "soak", "--minutes", "0.4", "--warm-up", "0.1", *BOUNDS)
    assert report["counted"] == report["published"] > 0
    assert report["processes"].keys() == {"broker", "trainer", "indexer-0", "server"}
    assert report["turned_over"] > 0
    assert report["queries"]["n"] > 0
    assert (tmp_path / "soak" / "usage.jsonl").read_text().count("trainer") > 3


@pytest.mark.timeout(300)
def test_ten_times_what_the_trainer_can_take(tmp_path: Path) -> None:
    report = soaked(tmp_path / "soak", "--overload", "exposures", "--minutes", "0.03", *BOUNDS)
    assert report["counted"] == report["published"]
    assert report["times"] > 3, "it was no overload"
    assert report["shown_lag_records"] > 0
