"""A model in a file: what one version adds up to, as safetensors with the names and the meaning of every array.

    <part>.rows.<table>   (n, width) values        <part>.ids.<table>    their ids in UTF-8, one after the other
    <part>.ends.<table>   (n,) where each id ends  <part>.dense.<name>   a tensor

`part` is `parameters` or `state`. The one entry of the metadata, JSON, holds the format's version, the configuration
and the commit that closed the version, both as in Kafka, and a SHA-256 over all of it.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from streamvq_client.errors import FormatError

from pipeline.changes import Changes, Rows
from pipeline.config import ModelConfig
from schemas.commit import Commit, decode_commit, encode_commit
from schemas.errors import SettingsError
from schemas.parameters import decode_config, encode_config

FORMAT = 1
KIND = "streamvq-model"
PARTS = ("parameters", "state")

Arrays = dict[str, npt.NDArray[Any]]
Show = Callable[[float], None]


class ModelFileError(SettingsError):
    """The file is not a whole exported model. Name another one, or export it again."""


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """One version of the model, with all that a trainer needs to go on from it."""

    commit: Commit
    config: ModelConfig
    parameters: Changes
    state: Changes


def write_model(path: Path, model: ExportedModel, show: Show = lambda _: None) -> str:
    """Write the file, whole or not at all; its SHA-256.

    Raises:
        ModelFileError: there is such a file already, or it cannot be written.
    """
    require_absent(path)
    arrays = _arrays(model)
    about = {
        "v": str(FORMAT),
        "config": encode_config(model.config).decode(),
        "commit": encode_commit(model.commit).decode(),
    }
    about["sha256"] = _digest(about, arrays, show)
    partial = path.with_name(f"{path.name}.partial")
    try:
        save_file(arrays, partial, {KIND: json.dumps(about)})
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.rename(path)
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise ModelFileError(f"{path} cannot be written: {error}") from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return about["sha256"]


def require_absent(path: Path) -> None:
    """Raises ModelFileError if there is such a file."""
    if path.exists():
        raise ModelFileError(f"{path} exists, and is not overwritten: give another name")


def read_model(path: Path, show: Show = lambda _: None) -> ExportedModel:
    """The model in the file, every byte of it as it was written.

    Raises:
        ModelFileError: it is not there, not an exported model, of a newer format, or damaged.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            about = _about(path, file.metadata() or {})
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError) as error:
        raise ModelFileError(f"{path} is not an exported model: {error}") from error
    checksum = about.pop("sha256", None)
    if _digest(about, arrays, show) != checksum:
        raise ModelFileError(f"{path} is damaged: its content does not have the checksum that it names")
    try:
        return ExportedModel(
            decode_commit(about["commit"].encode()),
            decode_config(about["config"].encode()),
            *(_changes(part, arrays) for part in PARTS),
        )
    except (KeyError, FormatError) as error:
        raise ModelFileError(f"{path} is not an exported model: {error}") from error


def _about(path: Path, metadata: Mapping[str, str]) -> dict[str, str]:
    try:
        about = msgspec.json.decode(metadata.get(KIND, ""), type=dict[str, str])
        number = int(about["v"])
    except (ValueError, KeyError) as error:
        raise ModelFileError(f"{path} is not a model that `svq export model` wrote") from error
    if number > FORMAT:
        raise ModelFileError(f"{path} has format version {number}, this program knows {FORMAT}: update streamvq")
    return about


def _digest(about: Mapping[str, str], arrays: Arrays, show: Show) -> str:
    """Over names, types, shapes and values; how the file lays them out is another matter."""
    digest, done = hashlib.sha256(), 0
    total = sum(array.nbytes for array in arrays.values()) or 1
    for name, text in sorted(about.items()):
        digest.update(f"{name}={len(text)}:{text}".encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name}:{array.dtype.str}:{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        done += array.nbytes
        show(done / total)
    return digest.hexdigest()


def _arrays(model: ExportedModel) -> Arrays:
    return {
        name: array
        for part in PARTS
        for changes in [getattr(model, part)]
        for name, array in (*_rows(part, changes), *((f"{part}.dense.{n}", a) for n, a in changes.dense.items()))
    }


def _rows(part: str, changes: Changes) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    for table, (ids, values) in changes.rows.items():
        encoded = [name.encode() for name in ids]
        yield f"{part}.rows.{table}", values
        yield f"{part}.ids.{table}", np.frombuffer(b"".join(encoded), np.uint8)
        yield f"{part}.ends.{table}", np.cumsum([len(name) for name in encoded], dtype=np.int64)


def _changes(part: str, arrays: Arrays) -> Changes:
    changes = Changes()
    for name, array in arrays.items():
        owner, _, rest = name.partition(".")
        kind, _, what = rest.partition(".")
        if owner == part and kind == "dense":
            changes.dense[what] = array
        elif owner == part and kind == "rows":
            changes.rows[what] = _table(part, what, arrays)
    return changes


def _table(part: str, table: str, arrays: Arrays) -> Rows:
    values = arrays[f"{part}.rows.{table}"]
    letters, ends = arrays[f"{part}.ids.{table}"], arrays[f"{part}.ends.{table}"]
    fits = values.ndim == 2 and letters.dtype == np.uint8 and ends.dtype == np.int64 and ends.shape == (len(values),)
    bounds = np.concatenate(([0], ends)) if fits else np.array([1, 0])
    if not fits or (np.diff(bounds) < 0).any() or bounds[-1] != letters.size:
        raise FormatError(f"the ids of table {table} do not fit its rows")
    text = letters.tobytes()
    try:
        ids = [text[begin:end].decode() for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)]
    except UnicodeDecodeError as error:
        raise FormatError(f"an id of table {table} is not UTF-8") from error
    if len(set(ids)) != len(ids):
        raise FormatError(f"an id occurs twice in table {table}")
    return ids, values
