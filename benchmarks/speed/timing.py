"""Timings taken in turn: what disturbs the machine disturbs every way alike."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from pipeline.arrays import Doubles

Work = Callable[[], Any]
Clock = Callable[[], float]

WALL: Final[Clock] = time.perf_counter
THREAD: Final[Clock] = time.thread_time
"""Processor time of this thread: for what runs in one thread, where others work on the machine."""


def in_turn(
    ways: Mapping[str, Work], repeats: int, clock: Clock = WALL, warm: int = 1, before: Work = bool
) -> dict[str, Doubles]:
    """Seconds of each way, (repeats,): all of them once, and again from the beginning; the first rounds do not count.

    What is to happen `before` each of them is not timed.

    >>> {way: len(seconds_r) for way, seconds_r in in_turn({"a": int, "b": int}, repeats=3).items()}
    {'a': 3, 'b': 3}
    """
    seconds = {way: np.empty(repeats) for way in ways}
    for repeat in range(-warm, repeats):
        for way, work in ways.items():
            before()
            began = clock()
            work()
            if repeat >= 0:
                seconds[way][repeat] = clock() - began
    return seconds
