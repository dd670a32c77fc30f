"""Files that may change while the server runs."""

from pathlib import Path
from typing import NamedTuple


class Mark(NamedTuple):
    """What tells one content of a file from the next: also where another file was put in its place."""

    inode: int
    size: int
    time_ns: int


def mark(path: Path) -> Mark | None:
    """The file's; None where there is none that could be looked at."""
    try:
        found = path.stat()
    except OSError:
        return None
    return Mark(found.st_ino, found.st_size, found.st_mtime_ns)
