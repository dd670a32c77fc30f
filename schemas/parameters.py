"""Records of the topics `parameters` and `trainer-state`: a model as keyed changes, each version closed by a commit.

    <table>/<id>   one row, raw (`schemas.arrays`); a null value removes it       names of tables hold no dot
    <tensor>/<n>   n-th part of a dense tensor, raw                               names of tensors hold one
    config         the model configuration, JSON
    commit         what came before it since the last commit is one version, JSON (`schemas.commit`)

Names hold no slash; ids may hold anything.
"""

import json
from collections.abc import Iterator
from typing import Any

from streamvq_client.errors import FormatError, NewerFormatError
from streamvq_client.versioned import check_version

from pipeline.changes import Changes
from pipeline.config import FORMAT as CONFIG_FORMAT
from pipeline.config import ModelConfig, hash_of
from pipeline.errors import UnknownSettingError
from schemas.arrays import decode_array, decode_rows, encode_array, encode_rows
from schemas.commit import Commit, decode_commit, encode_commit, first_version
from schemas.tensors import TensorParts, encode_chunks

__all__ = [
    "COMMIT_KEY",
    "CONFIG_KEY",
    "ChangesBuilder",
    "Commit",
    "config_hash",
    "decode_array",
    "decode_commit",
    "decode_config",
    "dense_key",
    "encode_array",
    "encode_commit",
    "encode_config",
    "first_version",
    "parse_key",
    "records_of",
    "row_key",
]

COMMIT_KEY = b"commit"
CONFIG_KEY = b"config"

ParameterRecord = tuple[bytes, bytes | None]


def row_key(table: str, row_id: str) -> bytes:
    """Key of a table's row."""
    return f"{table}/{row_id}".encode()


def dense_key(name: str, chunk: int) -> bytes:
    """Key of a tensor's n-th part."""
    return f"{name}/{chunk}".encode()


def parse_key(key: bytes) -> tuple[str, str]:
    """(table, id) or (tensor, chunk): split at the first slash; FormatError without one, or if it is not UTF-8."""
    try:
        name, slash, rest = key.decode().partition("/")
    except UnicodeDecodeError as error:
        raise FormatError(f"parameter key {key!r} is not UTF-8") from error
    if not slash or not name:
        raise FormatError(f"parameter key {key!r} is not <name>/<id>")
    return name, rest


def records_of(changes: Changes) -> Iterator[ParameterRecord]:
    """The changes as records, rows first; a name that would break the keys is a ValueError."""
    for table, (ids, values) in changes.rows.items():
        prefix = _prefix(table, dotted=False)
        yield from zip(map(prefix.__add__, map(str.encode, ids)), encode_rows(values), strict=True)
    for table, ids in changes.removed.items():
        prefix = _prefix(table, dotted=False)
        for row_id in ids:
            yield prefix + row_id.encode(), None
    for name, tensor in changes.dense.items():
        prefix = _prefix(name, dotted=True)
        for number, chunk in enumerate(encode_chunks(tensor)):
            yield prefix + b"%d" % number, chunk


def encode_config(config: ModelConfig) -> bytes:
    """Value of the record `config`."""
    return json.dumps(config.to_dict()).encode()


def decode_config(value: bytes) -> ModelConfig:
    """The configuration in these bytes; FormatError if they hold none, or one of a newer streamvq."""
    plain = _plain_config(value)
    version = plain.get("version")
    if isinstance(version, int):
        check_version("model configuration", version, CONFIG_FORMAT)
    try:
        return ModelConfig.from_dict(plain)
    except UnknownSettingError as error:
        # A setting more is no new version, for whoever does not know it refuses it here.
        raise NewerFormatError(
            f"the model configuration was written by a newer program, {error}: update streamvq"
        ) from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError(f"not a model configuration: {error}") from error


def config_hash(value: bytes) -> str:
    """The hash of a configuration as it is stored, which commits name: by the settings that its writer knew."""
    return hash_of(_plain_config(value))


def _plain_config(value: bytes) -> dict[str, Any]:
    try:
        plain = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"not a model configuration: {error}") from error
    if not isinstance(plain, dict):
        raise FormatError(f"not a model configuration: {value[:40]!r}")
    return plain


def _prefix(name: str, *, dotted: bool) -> bytes:
    if not name or "/" in name or ("." in name) != dotted:
        raise ValueError(f"name {name!r}: tensors hold a dot, tables none, neither a slash")
    return f"{name}/".encode()


class ChangesBuilder:
    """Turns records back into `Changes`: the last record of a key wins. Holds one entry a key until `take`."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, bytes | None]] = {}
        self._tensors: dict[str, TensorParts] = {}

    def __len__(self) -> int:
        return sum(map(len, self._rows.values())) + len(self._tensors)

    def add(self, key: bytes, value: bytes | None) -> None:
        """Take one record, in the order of the topic; not those of `COMMIT_KEY` and `CONFIG_KEY`.

        Raises:
            FormatError: the key is none of ours, or a tensor's part is not one.
        """
        name, rest = parse_key(key)
        if "." not in name:
            self._rows.setdefault(name, {})[rest] = value
        elif value is not None:
            self._tensors.setdefault(name, TensorParts(name)).add(value)

    def take(self) -> Changes:
        """Everything since the last call; to be called at a commit, when every tensor is whole.

        Raises:
            FormatError: rows of a table differ in shape, or a tensor is not whole.
        """
        changes = Changes()
        for table, rows in self._rows.items():
            present = {row_id: value for row_id, value in rows.items() if value is not None}
            if present:
                changes.put(table, list(present), decode_rows(list(present.values())))
            changes.remove(table, [row_id for row_id, value in rows.items() if value is None])
        for name, tensor in self._tensors.items():
            changes.dense[name] = tensor.join()
        self._rows, self._tensors = {}, {}
        return changes
