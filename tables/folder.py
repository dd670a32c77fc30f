"""The RocksDB folder of one table partition: opened, thrown away when it cannot be trusted, never shared."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from tables.errors import FolderError

log = structlog.get_logger(__name__)

LOCKED = ("While lock file", "lock hold by current process")  # how RocksDB says that somebody else has it
FOOTER = (0x88E241B785F4CFF7).to_bytes(8, "little")  # the last bytes of every file of RocksDB's block-based tables


def open_database(path: Path, opener: Callable[[], Any]) -> Any:
    """Open the database; a damaged one is deleted and opened empty, for the changelog has it all.

    Raises:
        FolderError: another process holds it, or the folder cannot be used.
    """
    if damage_mark(path).exists():
        _rebuild(path, "it was found damaged earlier")
    elif path.is_file():
        _rebuild(path, "it is a file")
    files = _finished_files(path)
    try:
        database = opener()
        orphans = files - {file["name"].lstrip("/") for file in database.live_files()}
    except Exception as error:
        if any(words in str(error) for words in LOCKED):
            raise FolderError(f"{path} is in use by another process: give every worker a folder of its own") from error
        if not is_damage(error):
            raise unusable(path, "used", error) from error
        _rebuild(path, str(error))
        return opener()
    if orphans:
        # A truncated MANIFEST opens without a word, and without the newest files.
        database.close()
        _rebuild(path, f"its MANIFEST does not know {', '.join(sorted(orphans))}")
        return opener()
    return database


def unusable(path: Path, how: str, error: Exception) -> FolderError:
    """What to raise for a folder that cannot be `how`; a full disk is no damage, and goes by with room."""
    remedy = ". Make room on that disk and start again: nothing is lost" if "No space left" in str(error) else ""
    return FolderError(f"{path} cannot be {how}: {error}{remedy}")


def is_damage(error: Exception) -> bool:
    """Whether RocksDB found its own files damaged, or one of them gone."""
    return "Corruption" in str(error) or "No such file" in str(error)


def check_end(database: Any, last: bytes) -> None:
    """Raise what ended a scan behind the key `last`, if that was not the end of the table: iterators end silently."""
    rows = database.iter()
    rows.seek(last)
    while rows.valid() and rows.key() <= last:
        rows.next()
    rows.status()


def damage_mark(path: Path) -> Path:
    """File that tells the next start that the database beside it is damaged."""
    return path.with_name(f"{path.name}.damaged")


def delete_database(path: Path) -> None:
    """Delete a closed database."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    damage_mark(path).unlink(missing_ok=True)


def _finished_files(path: Path) -> set[str]:
    """Table files that were written to their end; of those that a kill cut short all is in RocksDB's log still."""
    return {file.name for file in path.glob("*.sst") if _last(file, len(FOOTER)) == FOOTER}


def _last(file: Path, count: int) -> bytes:
    with file.open("rb") as content:
        content.seek(max(0, file.stat().st_size - count))
        return content.read()


def _rebuild(path: Path, reason: str) -> None:
    log.warning("table damaged, rebuilding it from its changelog", path=str(path), reason=reason)
    delete_database(path)
