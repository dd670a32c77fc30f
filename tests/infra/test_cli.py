import json
import os
import re
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from infra import cli
from infra.commands import kafka_reading
from infra.commands.given_time import time_ms
from infra.reach import reach
from pipeline.errors import ConfigError
from schemas.errors import FencedError, InvariantError, ResourceError, SettingsError, TopicsError, UnreachableError
from schemas.settings import Settings

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variables of ours, no file in the working directory."""
    monkeypatch.setenv("SVQ_CONFIG", "")
    for name in [name for name in os.environ if name.startswith("SVQ_") and name != "SVQ_CONFIG"]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    script = (
        "import sys; from infra import cli; code = cli.run(['--help']);"
        "print([name for name in ('torch', 'faust', 'numba') if name in sys.modules], code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=REPOSITORY, check=False
    )
    assert done.stdout.rstrip().endswith("[] 0"), done.stdout + done.stderr
    for name in cli.COMMANDS:
        assert re.search(rf"\b{name}\b", done.stdout), name


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("svq 0.")


def test_a_wrong_option_or_command_is_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["broker", "start", "--prt", "1"]) == 2
    assert cli.run(["bruker"]) == 2
    assert "bruker" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("say what"), 2),
        (TopicsError("say what"), 2),
        (ConfigError("say what"), 2),
        (UnreachableError("say what"), 3),
        (FencedError("say what"), 4),
        (InvariantError("say what"), 5),
        (ResourceError("say what"), 6),
    ],
)
def test_every_error_is_one_message_and_a_code(error: Exception, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.report(error) == code
    assert capsys.readouterr().err == "svq: say what\n"


def test_a_defect_says_how_to_report_it_and_its_traceback_is_there_for_the_asking(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.report(KeyError("x")) == 1
    said = capsys.readouterr().err
    assert said.startswith("svq: unexpected KeyError: 'x'\n")
    assert "SVQ_DEBUG=1" in said
    monkeypatch.setenv("SVQ_DEBUG", "1")
    try:
        raise KeyError("x")
    except KeyError as error:
        cli.report(error)
    assert "Traceback" in capsys.readouterr().err


def test_wrong_settings_are_code_2_before_anything_else(capsys: pytest.CaptureFixture[str]) -> None:
    Path("svq.toml").write_text("[kafka]\nprefx = 'a'")
    for command in (["config", "check"], ["topics", "create"], ["trainer"], ["up"], ["broker", "status"]):
        assert cli.run(command) == 2, command
        assert capsys.readouterr().err == "svq: svq.toml: kafka.prefx: no such setting; did you mean kafka.prefix?\n"


def test_the_option_config_reaches_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    Path("other.toml").write_text("[kafka]\nprefix = 'other'")
    assert cli.run(["--config", "other.toml", "config", "check"]) == 0
    assert "prefix other" in capsys.readouterr().out
    assert cli.run(["--config", "gone.toml", "config", "check"]) == 2


def test_the_settings_are_shown_with_their_source_and_without_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("svq.toml").write_text("[kafka]\nprefix = 'mine'\n[features.item.price]\nkind = 'numeric'")
    monkeypatch.setenv("SVQ_KAFKA__SASL_PASSWORD", "hunter2")
    monkeypatch.setenv("SVQ_SERVER__PORT", "81")
    assert cli.run(["config", "show"]) == 0
    shown = capsys.readouterr().out
    assert 'prefix = "mine"  # svq.toml' in shown
    assert "port = 81  # environment" in shown
    assert "[features.item.price]" in shown
    assert cli.run(["config", "show", "--json"]) == 0
    plain = capsys.readouterr().out
    assert json.loads(plain)["server"]["port"] == 81
    assert "hunter2" not in shown + plain


def test_no_broker_is_said_within_ten_seconds_with_address_and_remedy() -> None:
    began = time.monotonic()
    command = [sys.executable, "-m", "infra.cli", "trainer"]
    environment = {**os.environ, "SVQ_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", "PYTHONPATH": str(REPOSITORY)}
    environment["SVQ_KAFKA__START_DEADLINE_S"] = "6"
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert done.returncode == 3
    assert re.search(
        r"^svq: no Kafka at 127\.0\.0\.1:1 .*\n.*svq broker start.*SVQ_KAFKA__BOOTSTRAP_SERVERS",
        done.stderr,
        re.MULTILINE,
    )
    assert '"event":"waiting"' in done.stderr
    assert time.monotonic() - began < 20, "ten on a machine that does nothing else"


def test_every_command_asks_first_whether_kafka_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("SVQ_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setattr(kafka_reading, "reach", partial(reach, deadline_s=0.3))
    (tmp_path / "events.ndjson").write_text('{"item_id": "i"}\n')
    for command in (
        ["dead-letters", "list"],
        ["dead-letters", "replay"],
        ["table", "count", "items"],
        ["publish", "events.ndjson"],
        ["erase", "user", "u"],
        ["export", "model", "model.safetensors"],
        ["migrate", "--dry-run"],
    ):
        assert cli.run(command) == 3, command
        said = capsys.readouterr().err.splitlines()
        assert said[-2].startswith("svq: no Kafka at 127.0.0.1:1 (PLAINTEXT) within 0.3 s"), command
        assert "svq broker start" in said[-1]
        assert not any('"level":"error"' in line for line in said), command


def test_topics_are_created_and_checked(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert cli.run(["topics", "check"]) == 2
    assert capsys.readouterr().out.rstrip().endswith("Create them: svq topics create")
    assert cli.run(["topics", "create", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["created"]) == 11
    assert cli.run(["topics", "check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    monkeypatch.setenv("SVQ_KAFKA__PARTITIONS", "3")
    assert cli.run(["topics", "check", "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert {difference["what"] for difference in found} == {"partitions"}


@pytest.mark.parametrize(
    "command", [["dead-letters", "list", "--since"], ["rollback", "model.safetensors", "--forget-since"]]
)
def test_a_time_is_written_in_one_way(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert time_ms("2026-01-31") == time_ms("2026-01-31T01:00:00+01:00") == 1_769_817_600_000
    assert cli.run([*command, "yesterday"]) == 2
    assert "'yesterday' is no time" in capsys.readouterr().err
