"""The short forms of `svq soak`: whole stacks, real load, less time and wider bounds than the long ones."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# So soon after the start every process still takes what it will need; a leak worth the name takes more.
SHORT = ("--calibrate", "16", "--items", "200", "--users", "100", "--most-mb", "120", "--most-files", "20", "--json")
OVERLOAD = "SVQ_TEST_OVERLOAD"
RUN_IT = f"{OVERLOAD}=1 .venv/bin/pytest tests/soak/test_soak_end_to_end.py"

pytestmark = pytest.mark.timeout(300)


def soaked(keep: Path, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "infra.cli", "soak", *SHORT, "--keep", str(keep), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["complaints"] == []
    return report


def test_a_steady_load(tmp_path: Path) -> None:
    report = soaked(tmp_path / "soak", "--minutes", "0.36", "--warm-up", "0.1")
    assert report["counted"] == report["published"] > 0
    assert report["processes"].keys() == {"broker", "trainer", "indexer-0", "server"}
    assert all(process["samples"] > 1 for process in report["processes"].values())
    assert report["turned_over"] > 0
    assert report["queries"]["n"] > 0
    assert next((tmp_path / "soak").rglob("usage.jsonl")).read_text().count("trainer") > 3


@pytest.mark.skipif(OVERLOAD not in os.environ, reason=f"takes one minute to three; run it with {RUN_IT}")
def test_ten_times_what_the_trainer_can_take(tmp_path: Path) -> None:
    report = soaked(tmp_path / "soak", "--overload", "exposures", "--minutes", "0.03")
    assert report["counted"] == report["published"]
    assert report["times"] > 3, "it was no overload"
    assert report["shown_lag_records"] > 0
