"""The files of an archive that are needed, under their own names in one folder: paths of archives are never trusted."""

import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from benchmarks.data.errors import InputError

Entry = tuple[str, int, Callable[[], IO[bytes]]]
LARGEST = 1 << 31  # bytes of one member: a bomb ends here


def is_archive(path: Path) -> bool:
    """Whether it is a zip or tar file, by its content."""
    return path.is_file() and (zipfile.is_zipfile(path) or tarfile.is_tarfile(path))


def unpack(path: Path, members: Sequence[str], folder: Path) -> dict[str, Path]:
    """Write the members of these names into a folder; the first of each, in whichever folder of the archive.

    Raises:
        InputError: the archive is damaged.
    """
    found: dict[str, Path] = {}
    try:
        for name, size, source in _entries(path):
            base = PurePosixPath(name).name
            if base not in members or base in found:
                continue
            if size > LARGEST:
                raise InputError(f"{path}: {name} is larger than {LARGEST:,} bytes: this is not the published archive")
            found[base] = folder / base
            with source() as content, found[base].open("wb") as target:
                shutil.copyfileobj(content, target)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise InputError(f"{path}: cannot be unpacked: {error}. Download it again") from error
    return found


def _entries(path: Path) -> Iterator[Entry]:
    """Name, size and content of every plain file."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                yield entry.filename, entry.file_size, partial(archive.open, entry)
        return
    with tarfile.open(path) as tar:
        for member in tar:
            if member.isfile():
                yield member.name, member.size, partial(_content, tar, member)


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(member)
    if content is None:
        raise tarfile.TarError(f"{member.name} is no plain file")
    return content
