"""When a micro-batch of the replay is closed though it is not full, by the clock of the events."""

from typing import Final

import numpy as np

from pipeline.arrays import Longs

MINUTE: Final = 60
DEADLINES: Final = (MINUTE, 10 * MINUTE, 60 * MINUTE, 6 * 60 * MINUTE, 24 * 60 * MINUTE)
MOST: Final = 8_000
"""Micro-batches that a deadline may lead to: each costs some tens of milliseconds, however short it is."""


def boundaries(time_n: Longs, batch: int, deadline_s: float = 0.0, most: int | None = None) -> Longs:
    """Where each micro-batch begins, and the end of the last, (M + 1,).

    Args:
        time_n: of the exposures, milliseconds, in order.
        batch: exposures in a full one.
        deadline_s: a micro-batch ends with the last exposure that is at most so much later than its first; 0: only
            when it is full. A trainer waits for a second (`trainer.batch_deadline_ms`).
        most: stop after so many.

    >>> boundaries(np.array([0, 1_000, 2_000, 90_000, 91_000]), batch=2, deadline_s=60).tolist()
    [0, 2, 3, 5]
    """
    if not deadline_s:
        return np.append(np.arange(0, len(time_n), batch), len(time_n))
    places, longest = [0], round(deadline_s * 1000)
    while places[-1] < len(time_n) and len(places) != most:
        start = places[-1]
        block = time_n[start : start + batch]
        places.append(start + int(np.searchsorted(block, block[0] + longest, "right")))
    return np.array(places, np.int64)


def deadline_for(time_n: Longs, batch: int) -> float:
    """The shortest of a minute, ten, an hour, six and a day that makes at most `MOST` micro-batches, in seconds.

    As near to what a stream does as there is time for; 0, never, where each of them makes more.
    """
    for deadline in DEADLINES:
        if boundaries(time_n, batch, deadline, MOST + 1)[-1] == len(time_n):
            return float(deadline)
    return 0.0
