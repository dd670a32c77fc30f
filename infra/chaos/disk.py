"""A small disk that can be full: for the folder of one worker, so that nothing else of the machine suffers."""

import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from schemas.errors import ResourceError

SIZE_BYTES = 1 << 30  # of memory, and only as much as is written
PAGE_BYTES = 4096
COMMAND_S = 10.0
DEVICE = "svq-chaos"


class SmallDisk:
    """A tmpfs at a folder; it is gone, and what it held, once the block ends.

    To fill it, it is made as small as what it holds: nothing has to be written for that, and room comes back at once.

    Args:
        folder: where it is mounted; made when it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES}", DEVICE, str(self.folder))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _run("umount", "--lazy", str(self.folder))

    def fill(self) -> None:
        """Leave no room for another page; for one, where nothing is there, since a size of 0 means without limit."""
        self._resize(max(PAGE_BYTES, shutil.disk_usage(self.folder).used))

    def clear(self) -> None:
        """Make room again."""
        self._resize(SIZE_BYTES)

    def _resize(self, size: int) -> None:
        _run("mount", "-o", f"remount,size={size}", str(self.folder))


def unable(folder: Path) -> str | None:
    """Why no disk can be mounted there, None if one can."""
    try:
        with SmallDisk(folder):
            return None
    except ResourceError as error:
        return str(error)


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_S, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ResourceError(f"{command[0]}: {error}") from error
    if done.returncode:
        raise ResourceError(f"{' '.join(command)}: {done.stderr.strip()}")
