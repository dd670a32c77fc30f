"""Every decoder of the product, with values that it takes and the errors that it may raise."""

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from streamvq_client import rows
from streamvq_client.errors import FormatError

from agents import partition_rows
from infra.model_settings import plain
from pipeline.changes import Changes
from pipeline.config import Feature, ModelConfig, Task
from schemas import arrays, assignments, tensors
from schemas.candidates import decode_candidate
from schemas.commit import Commit, decode_commit, encode_commit
from schemas.dead_letters import DeadLetter, decode_dead_letter, decode_mark, encode_dead_letter
from schemas.errors import SettingsError
from schemas.exposures import decode_exposures
from schemas.keys import decode_keys, encode_keys, new_key
from schemas.model_file import ExportedModel, read_model, write_model
from schemas.parameters import ChangesBuilder, decode_config, encode_config, parse_key, records_of
from schemas.publications import split_body
from schemas.rejection import EventError
from schemas.settings import load_settings
from schemas.sources import read_file
from schemas.versions import Versions
from tables.marker import decode_reached

NOW = 1_700_000_000_000
TASKS = frozenset({"click"})


@dataclass(frozen=True, slots=True)
class Decoder:
    """A decoder as the tests call it, values that it takes, and what it raises at others."""

    decode: Callable[[bytes], object]
    samples: Sequence[bytes]
    refuses: tuple[type[Exception], ...] = ()


def _json(*values: Any) -> list[bytes]:
    return [json.dumps(value).encode() for value in values]


EXPOSURE = {
    "user_id": "u17",
    "item_id": 42,
    "timestamp": NOW - 5,
    "labels": {"click": 1},
    "user": {"country": "DE", "ages": [1, 2.5]},
    "context": {"hour": 21},
}
CANDIDATE = {
    "item_id": "i",
    "timestamp": NOW,
    "features": {"a": ["b"], "p": 1.5},
    "attributes": {"t": {"x": [1, None]}},
}
CONFIG = ModelConfig(tasks=(Task("click"),), features=(Feature("a", "item", "multi"),))
COMMIT = Commit(version=1 << 60, clock=7, offsets={0: 5}, within={0: 2}, config_hash=CONFIG.hash(), time_ms=NOW)
BLOCK = assignments.AssignmentBlock(
    1 << 60,
    7,
    ["i", "j"],
    np.ones((2, 1), np.int32),
    np.ones((2, 1), np.float32),
    np.ones((2, 4)),
    np.ones(2, np.uint32),
)
LETTER = DeadLetter("not_json", "why", "svq-exposures", 1, 17, b"u1", b"{", index=3)
ROWS = {
    "item": rows.ItemRow({"a": ["b"]}, {"title": "x", "n": {"m": [1]}}, NOW),
    "item_index": rows.ItemIndexRow([3], [0.5], [1.0, 2.0], 7, 1 << 60, NOW, NOW),
    "cluster": rows.ClusterRow(3, 70, NOW),
    "history": rows.HistoryRow(["i", "j"], [NOW, NOW + 1]),
}
ARRAYS = [arrays.encode_array(np.arange(6).reshape(2, 3).astype(kind)) for kind in ("<f4", "<i8", "?")]
PARTS = [*tensors.encode_chunks(np.arange(5.0)), *tensors.encode_chunks(np.zeros((0, 3), np.float32))]
CHANGES = Changes(rows={"item": (["a", "b"], np.ones((2, 3), np.float32))}, dense={"tower.w": np.ones((2, 2))})
SETTINGS = [
    b'data = "x"\n[kafka]\nprefix = "shop"\npartitions = 3\n[tasks.click]\n',
    b'[model]\ndim = 32\ncodes = "auto"\nhalf_lives = [10.0, 2e3]\n[features.item.a]\nkind = "multi"\n',
    b"[eligible]\nmax_age_days = 3\nwhere = { stock = true, land = ['DE'], price = { max = 20 } }\n",
]


def _tensor(data: bytes) -> object:
    parts = tensors.TensorParts("a.b")
    parts.add(data)
    return parts.join()


def _rows_of_a_table(data: bytes) -> object:
    return arrays.decode_rows([data, ARRAYS[0], data])


def _changes(data: bytes) -> object:
    builder = ChangesBuilder()
    for line in data.split(b"\n\n"):
        key, _, value = line.partition(b"\n")
        builder.add(key, value or None)
    return builder.take()


def _version(data: bytes) -> object:
    records = [
        (key or None, value or None) for key, _, value in (line.partition(b"\n") for line in data.split(b"\n\n"))
    ]
    return Versions().feed(records, complete=True)


def _headers(data: bytes) -> list[tuple[str, bytes]]:
    headers = (line.partition(b"=")[::2] for line in data.split(b"\n"))
    return [(name.decode(errors="replace"), value) for name, value in headers]


def _dead_letter(data: bytes) -> object:
    return decode_dead_letter(b"k", b"v", _headers(data))


def _file(data: bytes, read: Callable[[Path], object]) -> object:
    with tempfile.NamedTemporaryFile(suffix=".toml") as file:
        file.write(data)
        file.flush()
        return read(Path(file.name))


def _model_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write_model(path := Path(folder) / "model", ExportedModel(COMMIT, CONFIG, CHANGES, CHANGES))
        return path.read_bytes()


def _lines(records: Sequence[tuple[bytes, bytes | None]]) -> bytes:
    return b"\n\n".join(key + b"\n" + (value or b"") for key, value in records)


VERSION = [(b"config", encode_config(CONFIG)), *records_of(CHANGES), (b"commit", encode_commit(COMMIT))]
LETTER_HEADERS = b"\n".join(name.encode() + b"=" + value for name, value in encode_dead_letter(LETTER)[2])

DECODERS: dict[str, Decoder] = {
    "schemas.exposures.decode_exposures": Decoder(
        lambda data: decode_exposures(data, b"u", NOW, TASKS), _json(EXPOSURE, [EXPOSURE, EXPOSURE], {"item_id": 1}, [])
    ),
    "schemas.candidates.decode_candidate": Decoder(
        lambda data: decode_candidate(b"i", data, NOW), _json(CANDIDATE, {}), (EventError,)
    ),
    "schemas.event_fields.key_id": Decoder(
        lambda data: decode_candidate(data, None, NOW), [b"i", b"\xc3\xbc"], (EventError,)
    ),
    "schemas.publications.split_body": Decoder(split_body, _json(EXPOSURE, [EXPOSURE, CANDIDATE]), (EventError,)),
    "schemas.keys.decode_keys": Decoder(decode_keys, [encode_keys([new_key("a", "read").kept])], (SettingsError,)),
    "schemas.arrays.decode_array": Decoder(arrays.decode_array, ARRAYS, (FormatError,)),
    "schemas.arrays.decode_rows": Decoder(_rows_of_a_table, ARRAYS[:1], (FormatError,)),
    "schemas.arrays.parse_header": Decoder(arrays.parse_header, [*ARRAYS, *PARTS], (FormatError,)),
    "schemas.tensors.TensorParts": Decoder(_tensor, PARTS, (FormatError,)),
    "schemas.parameters.parse_key": Decoder(parse_key, [b"item/a/b", b"tower.w/0"], (FormatError,)),
    "schemas.parameters.decode_config": Decoder(decode_config, [encode_config(CONFIG)], (FormatError,)),
    "schemas.parameters.ChangesBuilder": Decoder(_changes, [_lines(list(records_of(CHANGES)))], (FormatError,)),
    "schemas.versions.Versions": Decoder(_version, [_lines(VERSION)], (FormatError,)),
    "schemas.commit.decode_commit": Decoder(decode_commit, [encode_commit(COMMIT)], (FormatError,)),
    "schemas.assignments.decode": Decoder(assignments.decode, [assignments.encode(BLOCK)], (FormatError,)),
    "schemas.dead_letters.decode_dead_letter": Decoder(_dead_letter, [LETTER_HEADERS], (FormatError,)),
    "schemas.dead_letters.decode_mark": Decoder(lambda data: decode_mark(_headers(data)), [b"replayed=a[0]@1", b"x=1"]),
    "schemas.sources.read_file": Decoder(lambda data: _file(data, read_file), SETTINGS, (SettingsError,)),
    "schemas.settings.load_settings": Decoder(lambda data: _file(data, load_settings), SETTINGS, (SettingsError,)),
    "schemas.model_file.read_model": Decoder(lambda data: _file(data, read_model), [_model_file()], (SettingsError,)),
    "streamvq_client.rows.decode_item": Decoder(rows.decode_item, [rows.encode(ROWS["item"])], (FormatError,)),
    "streamvq_client.rows.decode_item_index": Decoder(
        rows.decode_item_index, [rows.encode(ROWS["item_index"])], (FormatError,)
    ),
    "streamvq_client.rows.decode_cluster": Decoder(rows.decode_cluster, [rows.encode(ROWS["cluster"])], (FormatError,)),
    "streamvq_client.rows.decode_history": Decoder(rows.decode_history, [rows.encode(ROWS["history"])], (FormatError,)),
    "agents.partition_rows.decode_mark": Decoder(
        partition_rows.decode_mark, [rows.encode(ROWS["item"])], (FormatError,)
    ),
    "tables.marker.decode_reached": Decoder(decode_reached, [b"17 5", b"17 5 a", b"3 17 5 a"], (FormatError,)),
    "infra.model_settings.plain": Decoder(
        lambda data: plain(data.decode(errors="replace")), [b"1.5", b"[1,2]", b"word"]
    ),
}
