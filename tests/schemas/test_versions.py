"""Versions are handed out whole: at the start only once the end was reached, later with every commit."""

import json

import numpy as np
import pytest
from streamvq_client.errors import FormatError

from pipeline.changes import Changes
from pipeline.config import ModelConfig, Task
from schemas.parameters import COMMIT_KEY, CONFIG_KEY, Commit, config_hash, encode_commit, encode_config, records_of
from schemas.versions import Version, Versions

CONFIG = ModelConfig(tasks=(Task("click"),), dim=2, id_dim=2)
Records = list[tuple[bytes | None, bytes | None]]


def row(item: str, value: float) -> Records:
    changes = Changes()
    changes.put("item", [item], np.full((1, 2), value, np.float32))
    return list(records_of(changes))


def gone(item: str) -> Records:
    changes = Changes()
    changes.remove("item", [item])
    return list(records_of(changes))


def commit(version: int, config: ModelConfig = CONFIG) -> Records:
    closing = Commit(version=version, clock=version * 10, offsets={}, config_hash=config.hash(), time_ms=1)
    return [(COMMIT_KEY, encode_commit(closing))]


def configured(config: ModelConfig = CONFIG) -> Records:
    return [(CONFIG_KEY, encode_config(config))]


def rows_of(version: Version | None) -> dict[str, float]:
    assert version is not None
    ids, values = version.changes.rows.get("item", ([], np.zeros((0, 2))))
    return dict(zip(ids, values[:, 0].tolist(), strict=True))


def test_nothing_is_handed_out_before_the_end_was_reached() -> None:
    versions = Versions()
    assert versions.feed(configured() + row("a", 1) + commit(1), complete=False) is None
    assert versions.feed(row("b", 2), complete=False) is None
    version = versions.feed(row("a", 3) + commit(2), complete=True)
    assert rows_of(version) == {"a": 3.0, "b": 2.0}
    assert version is not None
    assert (version.commit.version, version.config) == (2, CONFIG)


def test_the_end_may_be_reached_by_markers_only() -> None:
    versions = Versions()
    assert versions.feed(configured() + row("a", 1) + commit(1), complete=False) is None
    assert rows_of(versions.feed([], complete=True)) == {"a": 1.0}


def test_a_version_that_is_not_closed_waits() -> None:
    versions = Versions()
    first = versions.feed(configured() + row("a", 1) + commit(1) + row("a", 9) + row("b", 9), complete=True)
    assert rows_of(first) == {"a": 1.0}
    assert versions.feed(gone("a"), complete=True) is None
    second = versions.feed(commit(2), complete=True)
    assert rows_of(second) == {"b": 9.0}
    assert second is not None
    assert second.changes.removed == {"item": ["a"]}


def test_commits_that_arrive_together_are_one_version() -> None:
    versions = Versions()
    versions.feed(configured() + commit(1), complete=True)
    records = row("a", 1) + commit(2) + gone("a") + row("b", 1) + commit(3) + row("b", 2) + commit(4)
    version = versions.feed(records, complete=True)
    assert rows_of(version) == {"b": 2.0}
    assert version is not None
    assert version.changes.removed == {"item": ["a"]}
    assert version.commit.version == 4


def test_a_topic_without_a_version_hands_out_nothing() -> None:
    assert Versions().feed([], complete=True) is None


def test_a_new_configuration_comes_with_its_version() -> None:
    versions, other = Versions(), ModelConfig(tasks=(Task("click"),), dim=2, id_dim=2, tau=0.1)
    versions.feed(configured() + commit(1), complete=True)
    assert versions.feed(configured(other), complete=True) is None
    version = versions.feed(commit(2, other), complete=True)
    assert version is not None
    assert version.config == other


def test_a_configuration_of_an_earlier_release_belongs_to_the_commits_that_name_it() -> None:
    plain = CONFIG.to_dict()
    del plain["crowding"]
    stored = json.dumps(plain).encode()
    closing = Commit(version=1, clock=1, offsets={}, config_hash=config_hash(stored), time_ms=1)
    version = Versions().feed([(CONFIG_KEY, stored), (COMMIT_KEY, encode_commit(closing))], complete=True)
    assert version is not None
    assert version.config == CONFIG


def test_a_commit_of_another_configuration_is_refused() -> None:
    other = ModelConfig(tasks=(Task("like"),))
    with pytest.raises(FormatError, match="configuration"):
        Versions().feed(configured() + commit(1, other), complete=True)
    with pytest.raises(FormatError, match="the topic holds none"):
        Versions().feed(commit(1), complete=True)


def test_deleted_commits_are_refused() -> None:
    with pytest.raises(FormatError, match="commit was deleted"):
        Versions().feed([(COMMIT_KEY, None)], complete=True)
