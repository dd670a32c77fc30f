"""The numbers of a server over time: the last minutes closely, the last day from further away."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Final

import numpy as np

from schemas.http_console import Series
from serving.console.ring import Ring

COLUMNS: Final = tuple(field.name for field in fields(Series) if field.name not in {"step_s", "began", "time"})
STEP_S: Final = 1.0
CLOSE: Final = 900
COARSER: Final = 30
FAR: Final = 2880
CLOSE_SPAN_S: Final = CLOSE * STEP_S
FAR_SPAN_S: Final = FAR * COARSER * STEP_S


class Timeline:
    """One sample a second of the last 15 minutes, one each half minute of the last day: 750 KiB at all times."""

    def __init__(self, began_ms: int) -> None:
        self._began = began_ms
        self._close = Ring(COLUMNS, CLOSE)
        self._far = Ring(COLUMNS, FAR)
        self._added = 0

    def add(self, time_ms: int, values: Mapping[str, float | None]) -> None:
        """A sample, `STEP_S` after the last one."""
        self._close.add(time_ms, values)
        if self._added % COARSER == 0:
            self._far.add(time_ms, values)
        self._added += 1

    def series(self, span_s: float, after_ms: int, points: int) -> Series:
        """Samples of the last `span_s` and after a time; of more than `points` every second, third, ... is kept."""
        ring, step_s = (self._close, STEP_S) if span_s <= CLOSE_SPAN_S else (self._far, COARSER * STEP_S)
        times = ring.times()
        since = max(after_ms, int(times[-1] - span_s * 1000)) if len(times) else 0
        chosen = np.flatnonzero(times > since)
        # Counted back from the newest, which is always among them.
        stride = -(-len(chosen) // points) if points else 1
        chosen = chosen[::-1][:: max(stride, 1)][::-1]
        columns = {
            name: [None if value != value else value for value in ring.column(name)[chosen].tolist()]
            for name in COLUMNS
        }
        return Series(step_s * max(stride, 1), self._began, times[chosen].tolist(), **columns)
