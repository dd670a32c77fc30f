"""`svq chaos` as a user runs it, in its short form.

SVQ_CHAOS_SECONDS makes it longer, SVQ_CHAOS_SEED repeats a run.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from infra.chaos.faults import FAULTS

SECONDS = float(os.environ.get("SVQ_CHAOS_SECONDS", "40"))
SEED = int(os.environ.get("SVQ_CHAOS_SEED", random.SystemRandom().randrange(10**6)))
PAGE = (Path(__file__).parents[2] / "docs" / "chaos.md").read_text()
# What takes long to inflict or to relieve is for the long form.
SLOW = {"disk-full", "brokers-in-turn"}
SHORT = ",".join(kind for kind, fault in FAULTS.items() if fault.lasts_s[1] <= 20 and kind not in SLOW)
STARTED_S = 120.0


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "infra.cli", "chaos", "--seed", str(SEED), *arguments]


def environment() -> dict[str, str]:
    """None of the variables with which the tests themselves are told things."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SVQ_")}


@pytest.mark.timeout(480 + 4 * int(SECONDS))
def test_nothing_is_lost_doubled_or_stuck_through_faults_of_every_short_kind(tmp_path: Path) -> None:
    print(f"SVQ_CHAOS_SEED={SEED}")
    arguments = ["--minutes", str(SECONDS / 60), "--rate", "800", "--faults", SHORT, "--json"]
    done = subprocess.run(
        command(*arguments, "--keep", str(tmp_path / "run")),
        capture_output=True,
        text=True,
        env=environment(),
        timeout=460 + 4 * SECONDS,
        check=False,
    )
    print(done.stderr)
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert {report[name] for name in ("lost", "duplicates", "disagreements", "stuck")} == {0}
    assert report["findings"] == []
    assert report["events"] == report["counted"] > 100 * SECONDS
    assert report["faults_total"] == sum(report["faults"].values()) >= SECONDS / 8
    assert report["dead_letters"] == report["poisoned"] > 0
    assert sum(report["restarts"].values()) > 0
    assert report["aborted"] > 0
    assert report.keys() <= set(re.findall(r"`(\w+)`", PAGE)), "the page explains every figure"
    assert len(list((tmp_path / "run" / "logs").glob("*.log"))) >= 6


@pytest.mark.timeout(240)
def test_interrupted_it_leaves_nothing_behind(tmp_path: Path) -> None:
    run = subprocess.Popen(command("--keep", str(tmp_path / "run")), env=environment(), stderr=subprocess.PIPE)
    seen: set[psutil.Process] = set()
    try:
        end = time.monotonic() + STARTED_S
        while len(seen) < 3 and time.monotonic() < end and run.poll() is None:
            seen |= set(psutil.Process(run.pid).children(recursive=True))
            time.sleep(0.05)
        assert len(seen) >= 3
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == 130, errors.decode()
    assert b"Traceback" not in errors
    gone, alive = psutil.wait_procs(seen, timeout=5)
    assert not alive
    assert len(gone) == len(seen)
