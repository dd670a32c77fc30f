"""The output of processes as files that do not grow without end."""

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

MOST_BYTES = 10_000_000
OLDER = 2


class ProcessLogs:
    """One file a role in a folder; without a folder, nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._files: dict[str, RotatingFileHandler] = {}

    def write(self, role: str, line: str) -> None:
        """Add a line to the role's file; one thread a role."""
        if self._folder is None:
            return
        if role not in self._files:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._files[role] = RotatingFileHandler(
                self._folder / f"{role}.log", maxBytes=MOST_BYTES, backupCount=OLDER
            )
        self._files[role].emit(logging.LogRecord(role, logging.INFO, "", 0, line, None, None))

    def close(self) -> None:
        """Close the files; a later line opens its file again."""
        for file in self._files.values():
            file.close()
        self._files.clear()
