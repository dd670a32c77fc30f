"""A wall clock that jumps under one process, by libfaketime; what measures durations is left alone, as it would be.

`time.sleep` fails in such a process (libfaketime 0.9.10 gets absolute waits wrong), which no worker calls: they wait
for events and sockets.
"""

from collections.abc import Mapping
from pathlib import Path

LIBRARY = "faketime/libfaketimeMT.so.1"
FOLDERS = (
    *(Path("/usr/lib") / machine for machine in ("x86_64-linux-gnu", "aarch64-linux-gnu")),
    Path("/usr/lib64"),
    Path("/usr/lib"),
    Path("/usr/local/lib"),
)
LOOKS_EVERY_S = 1  # that processes read how late it is; each time they ask would cost a file opened


class Clock:
    """The time of whatever is started with its environment.

    Args:
        file: which says how far it is from the true time; written here, read by the process all the time.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.shift(0)

    def environment(self) -> Mapping[str, str]:
        """Variables of a process that goes by this clock."""
        library = find()
        assert library is not None, "see `unable`"  # noqa: S101 - a programming error
        return {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": str(LOOKS_EVERY_S),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def shift(self, seconds: float) -> None:
        """Jump to so many seconds beside the true time, negative for the past; processes notice within a second."""
        unfinished = self._file.with_suffix(".unfinished")
        unfinished.write_text(f"{seconds:+.0f}\n", encoding="utf-8")
        unfinished.replace(self._file)


def find() -> Path | None:
    """libfaketime, None if it is not installed."""
    return next((folder / LIBRARY for folder in FOLDERS if (folder / LIBRARY).exists()), None)


def unable() -> str | None:
    """Why clocks cannot jump here, None if they can."""
    return None if find() else "libfaketime is not installed (apt-get install libfaketime)"
