"""What counts as growth, on made-up samples and on a process that really leaks."""

import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.soak.process_growth import growth
from infra.soak.usage import Usage, usage

LEAKING = """
import time
kept = []
while True:
    kept.append((bytearray(1 << 20), open("/dev/null")))
    time.sleep(0.02)
"""
STEADY = "import time\nwhile True: bytearray(1 << 20); time.sleep(0.02)"
SAMPLES, EVERY_S = 30, 0.1


def samples(memory: Callable[[int], float], files: Callable[[int], int] = lambda _: 50) -> list[Usage]:
    return [Usage(float(at), 1, memory(at), 0.0, files(at), 9) for at in range(100)]


def complaints(found: list[Usage], warm_at: float = 20.0) -> list[str]:
    grown = growth(found, warm_at)
    assert grown is not None
    return grown.complaints(most_mb=20)


@given(st.lists(st.floats(100, 119), min_size=100, max_size=100))
def test_ups_and_downs_within_the_bound_are_none(levels: list[float]) -> None:
    assert complaints(samples(lambda at: levels[at])) == []


def test_what_happens_before_it_is_warm_does_not_count() -> None:
    assert complaints(samples(lambda at: min(at, 20) * 50.0, lambda at: min(at, 20))) == []


def test_one_spike_is_no_growth_but_is_shown() -> None:
    grown = growth(samples(lambda at: 900.0 if at == 97 else 100.0), 20)
    assert grown is not None
    assert (grown.complaints(20), grown.rss.largest) == ([], 900.0)


@pytest.mark.parametrize("slope", [0.4, 1.0])
def test_a_slow_leak_is_growth(slope: float) -> None:
    (complaint,) = complaints(samples(lambda at: 100 + slope * at))
    assert complaint == f"resident memory grew by {64 * slope:.1f} MiB"


def test_files_that_come_and_go_are_none_and_files_that_stay_are() -> None:
    assert complaints(samples(lambda _: 100.0, lambda at: 50 + at % 9)) == []
    assert complaints(samples(lambda _: 100.0, lambda at: 50 + at // 30)) == ["open files grew by 1"]


def test_too_few_samples_say_nothing() -> None:
    assert growth([], 0) is None
    assert growth(samples(lambda _: 1.0), 1000) is None


def measured(program: str) -> list[Usage]:
    process = subprocess.Popen([sys.executable, "-c", program])
    try:
        found = []
        for number in range(SAMPLES):
            one = usage(process.pid, float(number))
            assert one is not None
            found.append(one)
            time.sleep(EVERY_S)
        return found
    finally:
        process.kill()
        process.wait()


def test_a_process_that_leaks_is_found_out_and_one_that_does_not_is_not() -> None:
    memory, files = complaints(measured(LEAKING), warm_at=10)
    assert memory.startswith("resident memory grew by ")
    assert files.startswith("open files grew by ")
    assert complaints(measured(STEADY), warm_at=10) == []


def test_a_process_that_is_gone_has_no_usage() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert usage(process.pid, 0.0) is None
