"""Memory, disk, open files, folders, the settings file's rights."""

import os
import resource
import shutil
import stat
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from infra.doctor.finding import Finding, failed, ok, skipped, warning
from schemas.errors import ResourceError
from schemas.settings import Settings
from schemas.sources import find_file

GIB = 1 << 30
LEAST_MEMORY, ENOUGH_MEMORY = GIB // 2, GIB  # beside what runs; a whole stack of a small catalogue takes 2.8
LEAST_DISK, ENOUGH_DISK = GIB, 5 * GIB
ENOUGH_FILES = 4096  # RocksDB keeps its tables open, Kafka its segments
CGROUP = Path("/sys/fs/cgroup/memory.max")


def machine(settings: Settings) -> Iterator[Finding]:
    """What this machine has left, and may be written to."""
    yield _memory()
    yield _disk(settings.data)
    yield _files()
    yield _folders(settings)
    yield _secrets()


def _memory() -> Finding:
    memory = psutil.virtual_memory()
    said = f"{memory.available / GIB:.1f} of {memory.total / GIB:.1f} GiB free, {os.cpu_count()} cores"
    with suppress(OSError, ValueError):
        said += f", this container may take {int(CGROUP.read_text()) / GIB:.1f} GiB"
    if memory.available < LEAST_MEMORY:
        return failed("memory", said, "End other programs: a process would be killed on the way", ResourceError)
    if memory.available < ENOUGH_MEMORY:
        return warning("memory", said, "A stack of broker, trainer, indexer and server takes about 3 GiB")
    return ok("memory", said)


def _disk(folder: Path) -> Finding:
    usage = shutil.disk_usage(existing(folder))
    said = f"{usage.free / GIB:.1f} of {usage.total / GIB:.1f} GiB free for {folder}"
    remedy = "Free some space, or name another place: `data` in svq.toml, or SVQ_DATA"
    if usage.free < LEAST_DISK:
        return failed("disk", said, remedy, ResourceError)
    return warning("disk", said, remedy) if usage.free < ENOUGH_DISK else ok("disk", said)


def _files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < ENOUGH_FILES:
        remedy = f"Raise it: ulimit -n {ENOUGH_FILES}, or LimitNOFILE= of the service"
        return warning("open files", f"{soft} a process (at most {hard})", remedy)
    return ok("open files", f"{'any number' if soft < 0 else soft} a process")


def _folders(settings: Settings) -> Finding:
    folders = [settings.data, settings.folder("trainer"), settings.folder("indexer"), settings.broker_folder]
    for folder in folders:
        there = existing(folder)
        if not there.is_dir():
            return failed("folders", f"{there} is no folder", "Move it away, or set SVQ_DATA", ResourceError)
        if not os.access(there, os.W_OK | os.X_OK):
            owner = f"{there.owner()}:{there.group()}"
            remedy = f"Give it to who runs the processes: chown, or set SVQ_DATA to a place of theirs (it is {owner}'s)"
            return failed("folders", f"{there} cannot be written to", remedy, ResourceError)
    return ok("folders", f"{settings.data} and what is in it can be written to")


def _secrets() -> Finding:
    """What the file that is in force gives away."""
    file = find_file(None)
    if file is None:
        return ok("secrets", "no settings file that could give one away")
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return skipped("secrets", f"{file} cannot be read")
    secrets = [name for name in content.get("kafka", {}) if "password" in name]
    if secrets and file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        remedy = f"chmod 600 {file}, or take it out and set SVQ_KAFKA__{secrets[0].upper()}"
        return warning("secrets", f"{file} holds {', '.join(secrets)}, and others can read it", remedy)
    return ok("secrets", f"{file} gives none away")


def existing(path: Path) -> Path:
    """The path itself, or the nearest above it that is there."""
    return next((one for one in (path.absolute(), *path.absolute().parents) if one.exists()), Path("/"))
