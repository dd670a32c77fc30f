"""A process that has to share its processor with others that want it more, and one that does not."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tables.supply import LEAST, Supply

BUSY = "while True: pass"
SHARED = """
import os, sys, threading, time
from tables.supply import Supply
os.nice(5)
threading.Thread(target=lambda: exec("while True: pass"), daemon=True).start()
supply, shares = Supply(), []
for _ in range(8):
    time.sleep(0.25)
    shares.append(supply.share())
print(sorted(shares)[len(shares) // 2])
"""


@contextmanager
def busy(count: int) -> Iterator[None]:
    """As many processes that want all of a processor."""
    running = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def test_a_process_that_waits_lacks_nothing() -> None:
    waiting = threading.Event()
    thread = threading.Thread(target=waiting.wait)
    thread.start()
    supply = Supply()
    time.sleep(0.3)
    assert supply.share() == 1.0
    waiting.set()
    thread.join()


def test_a_process_beside_others_that_want_the_same_processor_lacks_most_of_it() -> None:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})  # children inherit it
    try:
        with busy(3):
            done = subprocess.run(
                [sys.executable, "-c", SHARED], capture_output=True, text=True, timeout=120, check=True
            )
    finally:
        os.sched_setaffinity(0, allowed)
    assert LEAST <= float(done.stdout) < 0.5
