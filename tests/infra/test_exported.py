"""Exported folders that are not whole, and rows in the form that other engines take."""

import json
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra import cli
from infra.exported.engines import write_rows
from infra.exported.manifest import FORMAT, KIND, ExportError, Manifest, ModelEntry, file_entry, verify, write_manifest


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A folder with one file."""
    folder = tmp_path / "exported"
    folder.mkdir()
    pq.write_table(pa.table({"item_id": ["a", "b"]}), folder / "items.parquet")
    entry = ModelEntry(7, 100, 1, 4, 8, ["click"], 1.0, 2)
    files = {"items.parquet": file_entry(folder / "items.parquet", 2)}
    write_manifest(folder, Manifest(KIND, FORMAT, "0", "2026-01-01T00:00:00+00:00", "svq", entry, files))
    return folder


def changed(folder: Path, **fields: object) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | fields))


def test_a_whole_one_is_verified(exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(exported).model.version == 7
    assert cli.run(["import", str(exported), "--check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["digest"] == verify(exported).digest


def test_what_is_not_whole_is_code_2_and_says_what_is_wrong(exported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(said: str, folder: Path = exported) -> None:
        assert cli.run(["import", str(folder)]) == 2
        assert said in capsys.readouterr().err

    data = exported / "items.parquet"
    refused("is not a folder that `svq export index` wrote", exported.parent)
    refused("a model: svq rollback", data)
    whole = data.read_bytes()
    data.write_bytes(whole[:-1])
    refused(f"has {len(whole) - 1} bytes, the manifest says {len(whole)}")
    data.write_bytes(whole[:-1] + b"?")
    refused("items.parquet is damaged")
    data.unlink()
    refused("items.parquet is missing")
    changed(exported, v=FORMAT + 1)
    refused("update streamvq")
    changed(exported, v=FORMAT, kind="something")
    refused("its manifest.json says something")
    changed(exported, kind=KIND, files={"../items.parquet": {"rows": 0, "bytes": 0, "sha256": ""}})
    refused("is missing")
    changed(exported, files=[])
    refused("It was changed")


def test_rows_are_written_whole_or_not_at_all_and_never_over_others(tmp_path: Path) -> None:
    rows = [{"id": "a", "vector": [0.5, 1.0], "attributes": {"lang": "de"}}, {"id": "b", "vector": [1.0, 0.0]}]
    file = tmp_path / "rows.ndjson"
    assert write_rows(file, iter([rows[:1], rows[1:]])) == 2
    assert [msgspec.json.decode(line) for line in file.read_bytes().splitlines()] == rows
    with pytest.raises(ExportError, match="not overwritten"):
        write_rows(file, iter([rows]))
    assert write_rows(tmp_path / "rows.parquet", iter([rows[:1]])) == 1
    table = pq.read_table(tmp_path / "rows.parquet")
    assert table.schema.field("vector").type == pa.list_(pa.float32())
    assert json.loads(table["attributes"][0].as_py()) == {"lang": "de"}

    def broken() -> object:
        yield rows
        raise RuntimeError("on the way")

    with pytest.raises(RuntimeError):
        write_rows(tmp_path / "half.ndjson", broken())  # type: ignore[arg-type]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.ndjson", "rows.parquet"]
