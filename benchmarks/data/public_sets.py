"""A public set on this machine: downloaded or from a local copy, made into tables once, then read like files."""

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.data.download import fetch
from benchmarks.data.errors import InputError
from benchmarks.data.reading import in_folder, read_folder
from benchmarks.data.registry import PublicSet, named
from benchmarks.data.sales import cache_folder
from benchmarks.data.unpack import is_archive, unpack
from benchmarks.interactions import Interactions

VERSION = 1  # of the tables; another makes them anew
NAMES = ("interactions", "items", "users")
ABOUT = "about.json"
LEAST = 0.5  # share of the rows expected; with fewer it is not that set

Say = Callable[[str], None]


def _silent(_: str) -> None:
    pass


def folder_of(name: str, cache: Path | None = None) -> Path:
    """Where the tables of a set are, once it has been got."""
    return (cache or cache_folder()) / "sets" / f"{named(name).name}-v{VERSION}"


def is_here(name: str, cache: Path | None = None) -> bool:
    """Whether it has been got."""
    return (folder_of(name, cache) / ABOUT).is_file()


def get(name: str, source: Path | None = None, *, cache: Path | None = None, say: Say = _silent) -> Path:
    """The folder with the tables of a public set, made from a download or from a local copy unless they are there.

    Args:
        source: the archive, the folder it unpacks to, or a folder with interactions.parquet and the like.

    Raises:
        DownloadError: it cannot be downloaded.
        InputError: there is no set of that name, or the local copy is not that set.
    """
    wanted = named(name)
    target = folder_of(name, cache)
    if source is None and is_here(name, cache):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{name}-") as scratch:
        made = Path(scratch) / "tables"
        made.mkdir()
        if source is None:
            source = _downloaded(wanted, cache or cache_folder(), say)
        if not source.exists():
            raise InputError(f"{source}: there is no such file or folder")
        rows = _copied(source, made) if source.is_dir() and in_folder(source, NAMES[0]) else None
        if rows is None:
            rows = _prepared(wanted, _members(wanted, source, Path(scratch)), made, source)
        if rows != wanted.rows:
            say(f"{name}: {rows:,} rows instead of about {wanted.rows:,}: figures will differ from published ones")
        (made / ABOUT).write_text(json.dumps({"source": str(source), "rows": rows, "terms": wanted.terms}))
        shutil.rmtree(target, ignore_errors=True)
        made.replace(target)
    return target


def read_public(
    name: str,
    source: Path | None = None,
    *,
    tasks: Sequence[str] | None = None,
    cache: Path | None = None,
    say: Say = _silent,
) -> Interactions:
    """A public set as interactions; downloaded if it is not here yet.

    Raises:
        DownloadError, InputError: as `get` says.
    """
    return read_folder(get(name, source, cache=cache, say=say), tasks=tasks, name=name)


def _downloaded(wanted: PublicSet, cache: Path, say: Say) -> Path:
    remedy = f"Or download it by hand and name it: svq data get {wanted.name} --from FILE"
    folder = cache if len(wanted.files) == 1 else cache / wanted.name
    if not all((folder / file.name).exists() for file in wanted.files):
        say(f"{wanted.title}. {wanted.citation}\nTerms: {wanted.terms}")
    for file in wanted.files:
        if not (folder / file.name).exists():
            say(
                f"Downloading {file.address}"
                + ("" if file.checksum else ", which has no checksum: upstream changes it")
            )
        path = fetch(file, folder, remedy)
    return path if len(wanted.files) == 1 else folder


def _members(wanted: PublicSet, source: Path, scratch: Path) -> dict[str, Path]:
    """The files that the set is made from."""
    if is_archive(source):
        found = unpack(source, wanted.members, scratch)
    elif source.is_file() and len(wanted.members) == 1:
        found = {wanted.members[0]: source}
    else:
        folder = source if source.is_dir() else source.parent
        places = {name: sorted(folder.rglob(name), key=lambda path: len(path.parts)) for name in wanted.members}
        found = {name: paths[0] for name, paths in places.items() if paths}
    missing = [name for name in wanted.members if name not in found]
    if missing:
        raise InputError(
            f"{source}: holds no {', '.join(missing)}. {wanted.name} is made from {wanted.files[0].address}, "
            f"or from a folder with {', '.join(wanted.members)}"
        )
    return found


def _prepared(wanted: PublicSet, members: Mapping[str, Path], folder: Path, source: Path) -> int:
    try:
        tables = wanted.prepare(members)
    except (pa.ArrowException, KeyError, ValueError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{source}: is not {wanted.name} as published: {reason}. Download it again") from error
    rows = int(tables[NAMES[0]].num_rows)
    if rows < LEAST * wanted.rows:
        raise InputError(f"{source}: has {rows:,} rows, {wanted.name} has {wanted.rows:,}. Download it again")
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
    return rows


def _copied(source: Path, folder: Path) -> int:
    """Take over tables that are in our form already."""
    for name in NAMES:
        path = in_folder(source, name)
        if path:
            shutil.copyfile(path, folder / path.name)
    interactions = in_folder(folder, NAMES[0])
    return pq.read_metadata(interactions).num_rows if interactions and interactions.suffix == ".parquet" else 0
