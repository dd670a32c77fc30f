"""`svq doctor` against a Kafka that is up, one that is down, and a machine with something in the way."""

import asyncio
import json
import socket
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from infra import cli
from infra.doctor import examination, kafka_state, machine
from infra.doctor.brokers import judged_clock
from infra.doctor.releases import release
from infra.ports import free_port
from infra.reach import administration
from infra.topics import configure_topics, create_topics
from schemas.settings import Settings
from tests.agents.trainer_process import publish

OF_KAFKA = {*examination.OF_KAFKA, "kafka"}


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In an empty folder, with a server port that nobody uses."""
    monkeypatch.setenv("SVQ_CONFIG", "")
    monkeypatch.setenv("SVQ_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SVQ_SERVER__PORT", str(free_port()))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def kafka(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The test's Kafka and prefix."""
    monkeypatch.setenv("SVQ_KAFKA__BOOTSTRAP_SERVERS", settings.kafka.bootstrap_servers)
    monkeypatch.setenv("SVQ_KAFKA__PREFIX", settings.kafka.prefix)
    return settings


@pytest.fixture
def no_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there."""
    monkeypatch.setenv("SVQ_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setattr(examination, "administration", partial(administration, deadline_s=0.3))


def looked(capsys: pytest.CaptureFixture[str], code: int) -> dict[str, dict[str, Any]]:
    """Findings by what was looked at."""
    capsys.readouterr()
    assert cli.run(["doctor", "--json"]) == code
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is (code == 0)
    found = {finding["check"]: finding for finding in told["findings"]}
    assert len(found) == len(told["findings"])
    for finding in found.values():
        assert finding["said"]
        assert bool(finding["remedy"]) == (finding["status"] in {"warning", "failed"}), finding
    return found


def test_a_kafka_that_is_down_is_one_failure_and_the_machine_is_looked_at_all_the_same(
    no_kafka: None, capsys: pytest.CaptureFixture[str]
) -> None:
    found = looked(capsys, 3)
    assert found["kafka"]["said"].startswith("no Kafka at 127.0.0.1:1")
    assert "svq broker start" in found["kafka"]["remedy"]
    assert {check for check, finding in found.items() if finding["status"] == "skipped"} >= OF_KAFKA - {"kafka"}
    assert {found[check]["status"] for check in ("settings", "python", "torch", "packages", "folders")} == {"ok"}
    assert "svq server" in found["server"]["remedy"]
    assert cli.run(["doctor"]) == 3
    shown = capsys.readouterr().out
    assert "failed   kafka " in shown
    assert "→ Start one with `svq broker start`" in shown
    assert "\x1b" not in shown


def test_without_topics_the_command_that_makes_them_is_named(
    kafka: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    found = looked(capsys, 2)
    assert found["topics"]["status"] == "failed"
    assert "svq topics create" in found["topics"]["remedy"]


def test_topics_as_they_must_be_and_workers_that_are_not_there(
    kafka: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(create_topics(kafka))
    found = looked(capsys, 0)
    assert {check: found[check]["status"] for check in sorted(OF_KAFKA)} == {
        "kafka": "ok", "kafka version": "ok", "clock": "ok", "kafka disk": "ok", "topics": "ok", "partitions": "ok",
        "replicas": "ok", "policies": "ok", "trainer": "warning", "indexer": "warning",
    }  # fmt: skip
    assert found["partitions"]["said"].startswith("2 of each topic")
    assert "4.1 or newer" in found["kafka version"]["said"]
    assert found["trainer"]["remedy"] == "Start one: svq trainer, or svq up"
    assert found["trainer lag"]["status"] == found["indexer lag"]["status"] == "ok"
    monkeypatch.setattr(kafka_state, "BEHIND", 2)
    event = {"user_id": "u", "item_id": "i", "timestamp": 1_700_000_000_000}
    asyncio.run(publish(kafka, [("u", event)] * 5))
    lag = looked(capsys, 0)["trainer lag"]
    assert lag["said"] == f"5 records of {kafka.topics.exposures}"
    assert lag["remedy"] == "They wait for a worker: svq trainer, or svq up"


def test_topics_that_differ_are_named_with_what_mends_them(
    kafka: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(create_topics(kafka))
    asyncio.run(configure_topics(kafka, {kafka.topics.items_changelog: {"cleanup.policy": "delete"}}))
    asyncio.run(configure_topics(kafka, {kafka.topics.exposures: {"retention.ms": "3600000"}}))
    monkeypatch.setenv("SVQ_KAFKA__PARTITIONS", "3")
    found = looked(capsys, 2)
    assert found["partitions"]["status"] == found["policies"]["status"] == "failed"
    assert "svq topics grow --partitions 3" in found["partitions"]["remedy"]
    assert f"{kafka.topics.items_changelog}: cleanup.policy is delete, must be compact" in found["policies"]["said"]
    assert "retention.ms is 3600000" in found["policies"]["said"]
    assert "svq topics create --alter" in found["policies"]["remedy"]


def test_settings_that_cannot_be_used_come_first_and_the_rest_is_looked_at(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("svq.toml").write_text("[kafka]\nprefx = 'a'\n")
    found = looked(capsys, 2)
    assert found["settings"]["said"] == "svq.toml: kafka.prefx: no such setting; did you mean kafka.prefix?"
    assert found["kafka"]["status"] == "skipped"
    assert found["memory"]["status"] in {"ok", "warning"}


def test_what_is_in_the_way_on_this_machine_is_named(
    no_kafka: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Path("svq.toml").write_text("[kafka]\nsasl_password = 'hunter2'\n")
    Path("svq.toml").chmod(0o644)
    (tmp_path / "data").write_text("a file where the folder should be")
    monkeypatch.setattr(machine, "ENOUGH_DISK", 1 << 60)
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setenv("SVQ_SERVER__PORT", str(other.getsockname()[1]))
        found = looked(capsys, 6)
    assert found["folders"]["said"].endswith("data is no folder")
    assert "SVQ_DATA" in found["disk"]["remedy"]
    assert "chmod 600 svq.toml" in found["secrets"]["remedy"]
    assert "hunter2" not in json.dumps(found)
    assert found["server"]["status"] == "failed"
    assert "--port" in found["server"]["remedy"]


@pytest.mark.parametrize(
    ("skew_ms", "margin_ms", "status"),
    [(0, 5, "ok"), (-1900, 5, "ok"), (9000, 8000, "ok"), (2500, 5, "warning"), (-4_000_000, 5, "failed")],
)
def test_clocks_are_judged_by_what_cannot_be_the_way(skew_ms: float, margin_ms: float, status: str) -> None:
    assert judged_clock(skew_ms, margin_ms).status == status


def test_a_broker_too_old_is_none_of_the_releases() -> None:
    assert release({9: 6, 0: 8}) is None
    assert release({0: 13, 9: 10}) == "4.1"
