"""What an exported folder holds: its files with rows and checksums, and the version that they are of."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from schemas.commit import Commit
from schemas.errors import SettingsError

if TYPE_CHECKING:
    from pipeline.model import Model

NAME = "manifest.json"
KIND = "streamvq-index"
FORMAT = 1

Show = Callable[[float], None]


class ExportError(SettingsError):
    """The folder is not a whole export. Name another one, or export it again."""


class FileEntry(msgspec.Struct, frozen=True):
    """One file."""

    rows: int
    bytes: int
    sha256: str


class ModelEntry(msgspec.Struct, frozen=True):
    """The version that vectors and codes are of.

    Attributes:
        exposures: learnt from.
        gamma: a score is u·v + bias + gamma log_share.
        popularity: which number of an index row's popularity counts.
    """

    version: int
    exposures: int
    time_ms: int
    dim: int
    codes: int
    tasks: list[str]
    gamma: float
    popularity: int


class Manifest(msgspec.Struct, frozen=True):
    """`manifest.json`. `written` in ISO 8601, UTC."""

    kind: str
    v: int
    streamvq: str
    written: str
    prefix: str
    model: ModelEntry
    files: dict[str, FileEntry]

    @property
    def digest(self) -> str:
        """Of all there is: what tells this export from another one."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()


def file_entry(path: Path, rows: int) -> FileEntry:
    """What a manifest says of a file."""
    return FileEntry(rows, path.stat().st_size, _sha256(path))


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write it; the last file of an export."""
    (folder / NAME).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")


def read_manifest(folder: Path) -> Manifest:
    """What a folder says that it holds.

    Raises:
        ExportError: it is no export, or of a newer format.
    """
    if folder.is_file():
        raise ExportError(f"{folder} is a file. Name the folder that `svq export index` wrote; a model: svq rollback")
    try:
        head = msgspec.json.decode((folder / NAME).read_bytes(), type=dict[str, Any])
    except (OSError, ValueError) as error:
        raise ExportError(f"{folder} is not a folder that `svq export index` wrote: {NAME}: {error}") from error
    if head.get("kind") != KIND or not isinstance(head.get("v"), int):
        raise ExportError(f"{folder} is not a folder that `svq export index` wrote: its {NAME} says {head.get('kind')}")
    if head["v"] > FORMAT:
        raise ExportError(f"{folder} has format version {head['v']}, this program knows {FORMAT}: update streamvq")
    try:
        return msgspec.convert(head, Manifest)
    except msgspec.ValidationError as error:
        raise ExportError(f"{folder / NAME}: {error}. It was changed; export it again") from error


def verify(folder: Path, show: Show = lambda _: None) -> Manifest:
    """The manifest, with every byte of every file as it was written.

    Raises:
        ExportError: a file is missing, or another one; names it.
    """
    manifest = read_manifest(folder)
    total, done = sum(entry.bytes for entry in manifest.files.values()) or 1, 0
    for name, entry in manifest.files.items():
        _check(folder, name, entry)
        done += entry.bytes
        show(done / total)
    return manifest


def _check(folder: Path, name: str, entry: FileEntry) -> None:
    path = folder / name
    if Path(name).name != name or not path.is_file():
        raise ExportError(f"{path} is missing. Copy the whole folder, or export it again")
    if path.stat().st_size != entry.bytes:
        raise ExportError(f"{path} has {path.stat().st_size} bytes, the manifest says {entry.bytes}")
    if _sha256(path) != entry.sha256:
        raise ExportError(f"{path} is damaged: its content does not have the checksum that {NAME} names")


def model_entry(model: "Model", commit: Commit, tasks: list[str]) -> ModelEntry:
    """The entry of a model in this version."""
    codes = 0 if model.codebook.codes_kd is None else model.codebook.n_codes
    return ModelEntry(
        commit.version,
        commit.clock,
        commit.time_ms,
        model.config.dim,
        codes,
        tasks,
        model.config.gamma,
        model.active_half_life,
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
