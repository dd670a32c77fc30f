"""Every format that reaches Kafka or a disk: a recorded sample of each version stays readable, and is what is written.

A format that changes gets a new version, a `Step` or a branch that reads the old one, and a sample of the new one:
`SVQ_RECORD=1 pytest tests/schemas/test_stored_formats.py` writes samples that are missing, and never replaces one.
"""

import ast
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
import pytest
from safetensors.numpy import save
from streamvq_client import rows
from streamvq_client.errors import FormatError, NewerFormatError
from streamvq_client.rows import ClusterRow, HistoryRow, ItemIndexRow, ItemRow
from streamvq_client.versioned import Step, decoder

from agents.partition_rows import ItemMark, decode_mark
from infra.exported.manifest import FileEntry, Manifest, ModelEntry, read_manifest, write_manifest
from pipeline.changes import Changes
from pipeline.config import Feature, ModelConfig, Task
from schemas import arrays, assignments, commit, dead_letters, parameters
from schemas.assignments import AssignmentBlock
from schemas.commit import Commit
from schemas.dead_letters import DeadLetter
from schemas.errors import SettingsError
from schemas.kafka import KafkaSettings
from schemas.keys import ApiKey, decode_keys, encode_keys
from schemas.model_file import ExportedModel, ModelFileError, read_model, write_model
from schemas.parameters import records_of
from schemas.tensors import TensorParts, encode_chunks
from schemas.topics import Topics
from tables.marker import Reached, decode_reached, encode_reached

REPOSITORY = Path(__file__).parents[2]
SAMPLES = REPOSITORY / "tests" / "samples"
RECORD = bool(os.environ.get("SVQ_RECORD"))
PACKAGES = ("agents", "client", "infra", "pipeline", "schemas", "serving", "tables")


@dataclass(frozen=True, slots=True)
class Format:
    """A format: what its samples hold, one a version, the present one last, and where the code says its version.

    Attributes:
        declared: file and name of the type or constant that carries the version.
        newer: begins as the next version would.
    """

    declared: tuple[str, str]
    decode: Callable[[bytes], Any]
    encode: Callable[[Any], bytes]
    samples: tuple[Any, ...]
    newer: bytes

    @property
    def version(self) -> int:
        return len(self.samples)


def parts(tensor: Any) -> bytes:
    (part,) = encode_chunks(tensor)
    return part


def refused_as_newer(read: Callable[[], Any]) -> Any:
    """What is read; a file of a newer format is the operator's to change, so its error is one of settings."""
    try:
        return read()
    except SettingsError as error:
        raise NewerFormatError(str(error)) from error


def keys_of(content: bytes) -> Any:
    return refused_as_newer(lambda: decode_keys(content))


def manifest_of(content: bytes) -> Any:
    with TemporaryDirectory() as folder:
        (Path(folder) / "manifest.json").write_bytes(content)
        return refused_as_newer(lambda: read_manifest(Path(folder)))


def manifest_bytes(manifest: Manifest) -> bytes:
    with TemporaryDirectory() as folder:
        write_manifest(Path(folder), manifest)
        return (Path(folder) / "manifest.json").read_bytes()


def tensor_of(part: bytes) -> Any:
    joined = TensorParts("sample")
    joined.add(part)
    return joined.join()


def letter_record(letter: DeadLetter) -> bytes:
    """Key, value and headers of the record, one JSON list."""
    key, value, headers = dead_letters.encode_dead_letter(letter)
    assert key is not None
    assert value is not None
    return json.dumps([key.decode(), value.decode(), [[name, text.decode()] for name, text in headers]]).encode()


def model_bytes(model: ExportedModel) -> bytes:
    with TemporaryDirectory() as folder:
        write_model(Path(folder) / "model", model)
        return (Path(folder) / "model").read_bytes()


def model_of(content: bytes) -> ExportedModel:
    with TemporaryDirectory() as folder:
        (Path(folder) / "model").write_bytes(content)
        try:
            return read_model(Path(folder) / "model")
        except ModelFileError as error:
            kind = NewerFormatError if "update streamvq" in str(error) else FormatError
            raise kind(str(error)) from error


def letter_of(record: bytes) -> DeadLetter:
    key, value, headers = json.loads(record)
    return dead_letters.decode_dead_letter(key.encode(), value.encode(), [(n, t.encode()) for n, t in headers])


LETTER = DeadLetter("not_json", "bad at 1", "svq-exposures", 3, 17, b"u1", b"{", index=2, cut_from=9)
# In full: a default that changes changes no format.
CONFIG = ModelConfig(
    tasks=(Task("click"), Task("watch", "value", weight=0.5, eta=2.0, cap=60.0)),
    features=(Feature("colour", "item", "multi", 8, 4), Feature("age", "user", "numeric")),
    dim=32,
    id_dim=64,
    hidden=128,
    codes=128,
    batch=1024,
    tau=0.3,
    gamma=1.0,
    alpha=0.99,
    beta=0.25,
    disturbance=2.0,
    crowding=0.5,
    hysteresis=0.02,
    uniform_share=0.25,
    uniform_mass=1.0,
    log_q=True,
    same_user_mask=True,
    same_cluster_mask=False,
    aux_weight=1.0,
    ind_weight=1.0,
    sim_weight=0.0,
    admit_after=2,
    id_dropout=0.15,
    history=200,
    tower_history=20,
    recency=5.0,
    expire_after=20000000,
    half_lives=(1000.0, 4000.0),
    initial_count=0.5,
    start_steps=10,
    start_exposures=5,
    start_latest=500,
    interval_rate=0.05,
    interval_max=100000.0,
    dense_rate=0.001,
    row_rate=0.05,
    tau_rate=0.02,
    repeat_rate=0.05,
    ranker="index",
    rank_history=20,
    rank_negatives=8,
    rank_rate=0.003,
    rank_label_weight=1.0,
    history_debias=False,
    seed=0,
)
BLOCK = AssignmentBlock(
    1782579200000000001,
    4096,
    ["i1", "ï2"],
    np.array([[17], [-1]], np.int32),
    np.array([[0.25, -1.0], [0.5, 2.0]], np.float32),
    np.array([[1.5, -2.0], [3.0, 4.0]]),
    np.array([7, 0], np.uint32),
)
COMMIT = Commit(
    version=1782579200000000001,
    clock=4096,
    offsets={0: 17, 3: 5},
    within={3: 2},
    config_hash="0123456789abcdef",
    time_ms=1_700_000_000_000,
    publish_ms=12.5,
    metrics={"loss": 2.5},
)
ROWS = Reached(4711, 1_700_000_000.0, "Ux3v0")
KEY = ApiKey(
    id="0c1fe2a9b3",
    name="shop-events",
    scope="write",
    sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    created=datetime(2026, 1, 31, 12, 0, 1, tzinfo=UTC),
    expires=datetime(2027, 1, 31, 12, 0, 1, tzinfo=UTC),
)
MANIFEST = Manifest(
    "streamvq-index",
    1,
    "0.1.0",
    "2026-01-31T12:00:01+00:00",
    "shop",
    ModelEntry(1782579200000000001, 4096, 1_700_000_000_000, 64, 16, ["click"], 0.5, 2),
    {"items.parquet": FileEntry(17, 4711, KEY.sha256)},
)
FORMATS = {
    "items": Format(
        ("client/streamvq_client/rows.py", "ItemRow"),
        rows.decode_item,
        rows.encode,
        (ItemRow({"category": ["a"], "price": 3.5}, {"title": "…"}, 1700000000000, deleted=1700000000001, bare=True),),
        b'{"v":2}',
    ),
    "item_index": Format(
        ("client/streamvq_client/rows.py", "ItemIndexRow"),
        rows.decode_item_index,
        rows.encode,
        (ItemIndexRow([17], [0.25], [1.5, -2.0], 7, 1782579200000000001, 1700000000123, 1700000000000),),
        b'{"v":2}',
    ),
    "clusters": Format(
        ("client/streamvq_client/rows.py", "ClusterRow"),
        rows.decode_cluster,
        rows.encode,
        (ClusterRow(3, 40, 1700000000123),),
        b'{"v":2}',
    ),
    "histories": Format(
        ("client/streamvq_client/rows.py", "HistoryRow"),
        rows.decode_history,
        rows.encode,
        (HistoryRow(["i1", "i2"], [1700000000000, 1700000000123]),),
        b'{"v":2}',
    ),
    "array": Format(
        ("schemas/arrays.py", "FORMAT"),
        arrays.decode_array,
        arrays.encode_array,
        (np.array([[1.5, -2.0, 0.25]], np.float32),),
        b"\x02\x00\x00\x00",
    ),
    "tensor": Format(
        ("schemas/arrays.py", "FORMAT"),
        tensor_of,
        parts,
        (np.arange(6, dtype=np.float64).reshape(2, 3),),
        b"\x02\x01\x00\x00",
    ),
    "config": Format(
        ("pipeline/config.py", "FORMAT"),
        parameters.decode_config,
        parameters.encode_config,
        (CONFIG,),
        b'{"version":2}',
    ),
    "commit": Format(
        ("schemas/commit.py", "Commit"),
        commit.decode_commit,
        commit.encode_commit,
        (COMMIT,),
        b'{"v":2}',
    ),
    "assignments": Format(
        ("schemas/assignments.py", "_Wire"), assignments.decode, assignments.encode, (BLOCK,), b"\x91\x02"
    ),
    "model": Format(
        ("schemas/model_file.py", "FORMAT"),
        model_of,
        model_bytes,
        (
            ExportedModel(
                COMMIT,
                CONFIG,
                Changes(rows={"user": (["u", "ü"], np.ones((2, 2), np.float32))}, dense={"tower.w": np.arange(3.0)}),
                Changes(rows={"user": (["u"], np.array([[2.5, 3.0, 4.0]]))}, dense={"learner.steps": np.array([7])}),
            ),
        ),
        save({}, {"streamvq-model": '{"v": "2"}'}),
    ),
    "dead-letter": Format(
        ("schemas/dead_letters.py", "FORMAT"),
        letter_of,
        letter_record,
        (LETTER, LETTER, msgspec.structs.replace(LETTER, replay_of="svq-exposures[3]@2#1")),
        b'["u", "v", [["v", "4"]]]',
    ),
    "marker": Format(
        ("tables/marker.py", "FORMAT"),
        decode_reached,
        encode_reached,
        (ROWS._replace(life=""), ROWS, ROWS),
        b"4 17 5 abc",
    ),
    "keys": Format(("schemas/keys.py", "FORMAT"), keys_of, encode_keys, ([KEY],), b'{"v": 2, "keys": []}'),
    "export": Format(
        ("infra/exported/manifest.py", "FORMAT"),
        manifest_of,
        manifest_bytes,
        (MANIFEST,),
        b'{"kind": "streamvq-index", "v": 2}',
    ),
}
# A part of another format, read without the rest.
VIEWS = {("agents/partition_rows.py", "ItemMark")}
# What the records of each topic are. Applications write exposures and candidates: those carry no version, fields are
# only ever added to them, and what nobody knows is ignored and counted.
OF_TOPIC: dict[str, tuple[str, ...]] = {
    "exposures": (),
    "candidates": (),
    "trainer-lock": (),
    "assignments": ("assignments",),
    "parameters": ("array", "tensor", "config", "commit"),
    "trainer-state": ("array", "tensor", "commit"),
    "dead-letters": ("dead-letter",),
    "indexer-items-changelog": ("items",),
    "indexer-item_index-changelog": ("item_index",),
    "indexer-clusters-changelog": ("clusters",),
    "trainer-histories-changelog": ("histories",),
}
# Files, and what stands beside the rows in RocksDB, a cache: of another release it is thrown away, and rebuilt.
ON_DISK = {"model", "marker", "keys", "export"}
EVERY = [(name, version) for name, form in FORMATS.items() for version in range(1, form.version + 1)]


def path_of(name: str, version: int) -> Path:
    return SAMPLES / f"{name}-v{version}"


def same(one: Any, other: Any) -> bool:
    if isinstance(one, AssignmentBlock):
        return all(np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    if isinstance(one, ExportedModel):
        return (one.commit, one.config) == (other.commit, other.config) and all(
            list(records_of(getattr(one, part))) == list(records_of(getattr(other, part)))
            for part in ("parameters", "state")
        )
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return bool(one == other)


@pytest.mark.parametrize(("name", "version"), EVERY)
def test_a_sample_of_every_version_is_read_as_what_it_was(name: str, version: int) -> None:
    form, path = FORMATS[name], path_of(name, version)
    if RECORD and version == form.version and not path.exists():
        path.write_bytes(form.encode(form.samples[-1]))
    assert same(form.decode(path.read_bytes()), form.samples[version - 1])


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_written_today_is_the_sample_of_the_present_version_to_the_byte(name: str) -> None:
    form = FORMATS[name]
    written, sample = form.encode(form.samples[-1]), path_of(name, form.version).read_bytes()
    if name == "config":
        # A setting more is no new version: programs that do not know it refuse it by name.
        after, before = json.loads(written), json.loads(sample)
        assert {key: after.get(key) for key in before} == before
    else:
        assert written == sample


def declared_versions() -> dict[tuple[str, str], int]:
    """Every type with a version as its tag, and every constant FORMAT, in the code."""
    found: dict[tuple[str, str], int] = {}
    for package in PACKAGES:
        for file in sorted((REPOSITORY / package).rglob("*.py")):
            place = str(file.relative_to(REPOSITORY))
            for node in ast.parse(file.read_text()).body:
                match node:
                    case ast.ClassDef(name=name, keywords=keywords):
                        for tag in (keyword.value for keyword in keywords if keyword.arg == "tag"):
                            found[place, name] = getattr(tag, "value", 0)
                    case ast.Assign(targets=[ast.Name(id="FORMAT")], value=ast.Constant(value=int(version))):
                        found[place, "FORMAT"] = version
    return found


def test_every_format_of_the_code_has_a_sample_of_each_of_its_versions() -> None:
    declared = {place: version for place, version in declared_versions().items() if place not in VIEWS}
    assert declared == {form.declared: form.version for form in FORMATS.values()}
    assert {path.name for path in SAMPLES.iterdir()} == {path_of(*one).name for one in EVERY}


def test_the_page_lists_every_format_with_its_present_version() -> None:
    page = (REPOSITORY / "docs" / "changing.md").read_text()
    listed = dict(re.findall(r"^\| `([a-z_-]+)` \| (\d+) \|", page, re.MULTILINE))
    assert listed == {name: str(form.version) for name, form in FORMATS.items()}


def test_every_topic_holds_known_formats() -> None:
    specs = Topics("svq").specs(KafkaSettings())
    assert {spec.name.removeprefix("svq-") for spec in specs} == OF_TOPIC.keys()
    assert {name for names in OF_TOPIC.values() for name in names} == FORMATS.keys() - ON_DISK


@pytest.mark.parametrize("name", FORMATS)
def test_a_sample_shows_every_field(name: str) -> None:
    """Else a field that is left out while it has its default could be added without a new version."""
    form = FORMATS[name]
    value = form.samples[-1]
    if isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(value):
            assert getattr(value, field.name) != field.default, field.name


@pytest.mark.parametrize("name", FORMATS)
def test_a_newer_version_is_refused_with_what_to_do(name: str) -> None:
    form = FORMATS[name]
    with pytest.raises(NewerFormatError, match=rf"version {form.version + 1}, .* {form.version}: update streamvq"):
        form.decode(form.newer)


def test_a_setting_of_a_newer_program_is_refused_by_name() -> None:
    plain = CONFIG.to_dict()
    plain["tasks"][0]["depth"] = 3
    with pytest.raises(NewerFormatError, match="Task: unknown setting depth: update streamvq"):
        parameters.decode_config(json.dumps(plain).encode())


def test_a_configuration_of_an_earlier_program_keeps_the_hash_that_its_commits_name() -> None:
    earlier = {name: value for name, value in CONFIG.to_dict().items() if name != "crowding"}
    value = json.dumps(earlier).encode()
    assert parameters.decode_config(value) == CONFIG
    assert parameters.config_hash(value) != CONFIG.hash()
    assert parameters.config_hash(parameters.encode_config(CONFIG)) == CONFIG.hash()


class ClusterRow2(msgspec.Struct, frozen=True, tag_field="v", tag=2):
    """As if `clusters` began to say how many items are live."""

    items: int
    live: int
    exposures: int
    time: int


class ClusterRow3(msgspec.Struct, frozen=True, tag_field="v", tag=3):
    """And then dropped the time."""

    items: int
    live: int
    exposures: int


decode_made_up = decoder(
    ClusterRow3,
    Step(ClusterRow, lambda old: ClusterRow2(old.items, old.items, old.exposures, old.time)),
    Step(ClusterRow2, lambda old: ClusterRow3(old.items, old.live, old.exposures)),
    name="ClusterRow",
)


def test_a_format_that_changes_reads_all_that_was_written_before() -> None:
    recorded = path_of("clusters", 1).read_bytes()
    assert decode_made_up(recorded) == ClusterRow3(3, 3, 40)
    assert decode_made_up(b'{"v":2,"items":3,"live":2,"exposures":40,"time":5}') == ClusterRow3(3, 2, 40)
    assert decode_made_up(msgspec.json.encode(ClusterRow3(1, 2, 3))) == ClusterRow3(1, 2, 3)
    with pytest.raises(NewerFormatError, match="version 4, this program knows 3: update streamvq"):
        decode_made_up(b'{"v":4}')
    with pytest.raises(FormatError, match="not a ClusterRow of version 2"):
        decode_made_up(b'{"v":2,"items":3}')
    for earlier in (b'{"v":2}', b'{"v":3}'):
        with pytest.raises(NewerFormatError, match="this program knows 1"):
            rows.decode_cluster(earlier)


def test_the_mark_of_an_item_is_read_or_refused_as_its_row_is() -> None:
    assert decode_mark(path_of("items", 1).read_bytes()) == ItemMark(1700000000000, 1700000000001, bare=True)
    with pytest.raises(NewerFormatError, match="update streamvq"):
        decode_mark(b'{"v":2,"published":5}')
    with pytest.raises(FormatError):
        decode_mark(b"{}")
