"""Reading and applying rows, and folders that cannot be trusted."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tables.app import add_table, create_app
from tables.config import WorkerConfig
from tables.errors import DamageError, FolderError, ShardLost
from tables.folder import damage_mark, open_database
from tables.marker import RESTORED
from tables.table import Table


def table_in(folder: Path) -> Table:
    config = WorkerConfig(
        group="g", connection={"bootstrap_servers": ["localhost:1"]}, folder=folder, sources=("events",), partitions=2
    )
    app = create_app(config)
    table = add_table(app, "rows")
    app.finalize()
    return table


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    table = table_in(tmp_path)
    table.open(0)
    yield table
    table.release(0)


def path_of(table: Table) -> Path:
    return Path(table.data.partition_path(0))


async def test_rows_are_read_by_partition_and_key(table: Table) -> None:
    table.apply(0, [(b"b", b"2"), (b"a", b"1"), (b"c", b"3")], end=10)
    table.apply(0, [(b"b", None)], end=12)
    assert (table.get(0, b"a"), table.get(0, b"b")) == (b"1", None)
    assert table.multi_get(0, [b"c", b"x", b"a"]) == [b"3", None, b"1"]
    assert table.multi_get(0, []) == []
    assert table.reached(0) == (12, pytest.approx(time.time(), abs=2), "")


async def test_a_scan_goes_through_all_rows_in_slices(table: Table) -> None:
    rows = [(b"%03d" % n, b"v") for n in range(25)]
    table.apply(0, rows, end=25)
    seen, after = [], b""
    while True:
        found = table.scan(0, after, 10)
        seen += found
        if len(found) < 10:
            break
        after = found[-1][0]
    assert seen == rows == table.scan(0)


async def test_a_scan_finds_its_place_when_rows_vanish(table: Table) -> None:
    table.apply(0, [(b"a", b"1"), (b"b", b"2"), (b"c", b"3")], end=3)
    table.apply(0, [(b"b", None)], end=4)
    assert table.scan(0, b"b") == [(b"c", b"3")]


async def test_a_partition_that_is_not_ours_cannot_be_read(table: Table) -> None:
    for read in (lambda: table.get(1, b"a"), lambda: table.scan(1), lambda: table.apply(1, [], end=1)):
        with pytest.raises(ShardLost):
            read()
    table.release(0)
    with pytest.raises(ShardLost):
        table.get(0, b"a")
    table.open(0)


async def test_unreported_ends_leave_the_old_one(table: Table) -> None:
    table.apply(0, [(b"a", b"1")], end=5)
    table.apply(0, [(b"a", b"2")], end=None)
    assert (table.get(0, b"a"), table.reached(0).offset) == (b"2", 5)


async def test_rows_know_their_topic_and_when_they_were_all_there_was(table: Table) -> None:
    table.life = "4711"
    table.apply(0, [], end=7, at=1_700_000_000.4)
    assert table.reached(0) == (7, 1_700_000_000, "4711")


async def test_what_earlier_releases_stored_is_read(table: Table) -> None:
    table.apply(0, [(RESTORED, b"7 1700000000")], end=None)
    assert table.reached(0) == (7, 1_700_000_000, "")


async def test_a_folder_in_use_is_refused(table: Table, tmp_path: Path) -> None:
    other = table_in(tmp_path)
    with pytest.raises(FolderError, match="in use by another process"):
        other.open(0)


async def test_a_damaged_database_is_opened_empty(table: Table) -> None:
    table.apply(0, [(b"a", b"1")], end=1)
    table.release(0)
    (manifest,) = path_of(table).glob("MANIFEST*")
    manifest.write_bytes(b"garbage" * 20)
    table.open(0)
    assert (table.get(0, b"a"), table.reached(0).offset) == (None, 0)


async def test_a_database_that_was_found_damaged_while_reading_is_rebuilt_at_the_next_start(table: Table) -> None:
    table.apply(0, [(b"a", b"1")], end=1)
    with pytest.raises(DamageError, match="Started again"):
        table._guarded(0, lambda _: failing())
    assert damage_mark(path_of(table)).exists()
    table.release(0)
    table.open(0)
    assert table.get(0, b"a") is None
    assert not damage_mark(path_of(table)).exists()


def failing() -> bytes:
    raise RuntimeError("Corruption: block checksum mismatch")


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    def opener() -> None:
        raise OSError("No space left on device")

    with pytest.raises(FolderError, match="No space left"):
        open_database(tmp_path / "rows-0.db", opener)
