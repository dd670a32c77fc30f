"""Files of events that cannot be read to their end."""

import gzip
from itertools import islice
from pathlib import Path

import pytest

from infra.event_files import open_events
from schemas.errors import SettingsError

LINES = "".join(f'{{"user_id": "u{n}", "item_id": "i{n * n}", "timestamp": {n}}}\n' for n in range(2000)).encode()


def test_a_file_that_was_not_copied_to_its_end_says_so_where_it_ends(tmp_path: Path) -> None:
    file, whole = tmp_path / "events.ndjson.gz", gzip.compress(LINES)
    file.write_bytes(whole)
    assert sum(1 for _ in open_events(file, None, None, ()).read(0)) == 2000
    file.write_bytes(whole[: len(whole) // 2])
    events = open_events(file, None, None, ()).read(0)
    assert len([*islice(events, 100)]) == 100
    with pytest.raises(SettingsError, match="was not copied to its end"):
        list(events)


def test_a_file_that_is_something_else_says_so(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl.gz"
    file.write_bytes(LINES)
    with pytest.raises(SettingsError, match="is damaged"):
        next(open_events(file, None, None, ()).read(0))
