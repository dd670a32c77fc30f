"""An exported model comes back as it was, and nothing else is taken for one."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pipeline.changes import Changes
from pipeline.config import ModelConfig, Task
from schemas.model_file import ExportedModel, ModelFileError, read_model, write_model
from schemas.parameters import Commit

CONFIG = ModelConfig(tasks=(Task("click"),))
COMMIT = Commit(
    version=7, clock=3, offsets={0: 5}, within={0: 2}, config_hash=CONFIG.hash(), time_ms=1, metrics={"a": 1.0}
)


def changes(names: list[str]) -> Changes:
    made = Changes(dense={"tower.w": np.arange(6, dtype=np.float32).reshape(2, 3), "clock.events": np.array([3])})
    made.put("user", names, np.arange(len(names) * 3, dtype=np.float64).reshape(-1, 3))
    return made


MODEL = ExportedModel(COMMIT, CONFIG, changes(["a", "ü/b", "日本"]), changes(["x"]))


def same(one: Changes, other: Changes) -> bool:
    assert one.rows.keys() == other.rows.keys()
    assert one.dense.keys() == other.dense.keys()
    arrays = [(one.rows[name][1], other.rows[name][1]) for name in one.rows]
    arrays += [(one.dense[name], other.dense[name]) for name in one.dense]
    return all(one.rows[name][0] == other.rows[name][0] for name in one.rows) and all(
        left.dtype == right.dtype and np.array_equal(left, right) for left, right in arrays
    )


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    file, shown = tmp_path / "m.safetensors", list[float]()
    write_model(file, MODEL, shown.append)
    back = read_model(file)
    assert (back.commit, back.config) == (COMMIT, CONFIG)
    assert same(back.parameters, MODEL.parameters)
    assert same(back.state, MODEL.state)
    assert shown[-1] == 1.0
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "m"
    file.write_text("precious")
    with pytest.raises(ModelFileError, match="not overwritten"):
        write_model(file, MODEL)
    assert file.read_text() == "precious"
    with pytest.raises(ModelFileError, match="cannot be written"):
        write_model(tmp_path / "no" / "folder", MODEL)


def test_any_damaged_byte_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "m"
    write_model(file, MODEL)
    whole, rng = file.read_bytes(), random.Random(5)  # noqa: S311
    begin = whole.index(b"{")
    places = [0, 7, begin, len(whole) - 1, *(rng.randrange(len(whole)) for _ in range(300))]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 + rng.randrange(255)
        file.write_bytes(damaged)
        try:
            back = read_model(file)
        except ModelFileError:
            continue
        # A byte that says nothing: white space of the header, or how often an escape is written.
        assert (back.commit, back.config) == (COMMIT, CONFIG), place
        assert same(back.parameters, MODEL.parameters), place
    for length in (0, 5, 100, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(ModelFileError):
            read_model(file)
    with pytest.raises(ModelFileError, match="not an exported model"):
        read_model(tmp_path / "missing")


def test_other_files_and_newer_ones(tmp_path: Path) -> None:
    other = tmp_path / "other"
    save_file({"w": np.zeros(3)}, other)
    with pytest.raises(ModelFileError, match="svq export model"):
        read_model(other)
    save_file({"w": np.zeros(3)}, other, {"streamvq-model": '{"v": "2"}'})
    with pytest.raises(ModelFileError, match="update streamvq"):
        read_model(other)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("ends", np.array([1, 5, 4])),
        ("ends", np.array([1, 2])),
        ("ends", np.array([1, 5, 900])),
        ("ends", np.array([1.0, 5.0, 11.0])),
        ("ids", np.frombuffer(b"\xff" * 11, np.uint8)),
        ("ids", np.frombuffer(b"aaaa", np.uint8)),
        ("rows", np.zeros(3)),
    ],
)
def test_ids_that_do_not_fit_their_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, array: np.ndarray
) -> None:
    """Written by another program, with a checksum that is right."""
    file = tmp_path / "m"
    write_model(file, MODEL)
    arrays = load_file(file) | {f"parameters.{name}.user": array}
    monkeypatch.setattr("schemas.model_file._arrays", lambda _: arrays)
    write_model(tmp_path / "wrong", replace(MODEL))
    with pytest.raises(ModelFileError, match="of table user"):
        read_model(tmp_path / "wrong")
