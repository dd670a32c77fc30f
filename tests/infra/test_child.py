import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import gone, until

from infra.child import Child

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def test_a_child_says_its_lines_and_its_exit_code() -> None:
    lines: list[str] = []
    script = "import sys; print('one'); print('tw\\u00f6', file=sys.stderr); sys.exit(3)"
    child = Child([sys.executable, "-c", script], on_line=lines.append).start()
    assert child.wait(10) == 3
    assert sorted(lines) == ["one", "twö"]
    assert not child.running


def test_it_is_asked_to_end_and_then_killed() -> None:
    lines: list[str] = []
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    child = Child([sys.executable, "-c", stubborn], on_line=lines.append).start()
    until(lambda: lines)
    assert child.stop(grace=0.2) == -signal.SIGKILL
    polite = Child(SLEEPER).start()
    assert polite.stop(grace=10) == -signal.SIGTERM


def test_a_command_that_cannot_be_run_is_an_error_at_once() -> None:
    with pytest.raises(FileNotFoundError):
        Child(["/no/such/command"], leashed=False).start()


def test_a_child_whose_own_child_keeps_the_pipe_open_ends_all_the_same() -> None:
    script = f"import subprocess, sys; print(subprocess.Popen({SLEEPER}).pid, flush=True)"
    lines: list[str] = []
    child = Child([sys.executable, "-c", script], on_line=lines.append).start()
    try:
        assert child.wait(10) == 0
    finally:
        grandchild = int(lines[0])
        subprocess.run(["kill", "-9", str(grandchild)], check=True)


def test_no_child_survives_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = f"""
import sys, threading, time
from infra.child import Child
pids = []
def spawn():  # a thread that ends before the process does must not take its child along
    pids.append(Child({SLEEPER}).start().pid)
thread = threading.Thread(target=spawn)
thread.start()
thread.join()
child = Child({SLEEPER}).start()
time.sleep(0.5)
print(*pids, child.pid, int(child.running), flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout
        *pids, running = map(int, parent.stdout.readline().split())
        assert running == 1
        assert not any(gone(pid) for pid in pids)
        parent.kill()
    until(lambda: all(gone(pid) for pid in pids), 5)
