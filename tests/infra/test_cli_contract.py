"""What holds for every command: help, JSON where it prints data, exit codes, completion, colours only on terminals."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from infra import cli
from infra.colours import coloured

REPOSITORY = Path(__file__).parents[2]

# Print no data: they run until they are ended, say in a line what they did, or print a report whose data is in a file.
NO_DATA = {
    ("trainer",),
    ("indexer",),
    ("server",),
    ("up",),
    ("broker", "stop"),
    ("completion",),
    ("experiment", "run"),
}


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with its words, those of groups too."""
    root = get_command(cli.app)

    def walk(words: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
        if words:
            yield words, command
        if hasattr(command, "list_commands"):
            for name in command.list_commands(None):
                yield from walk((*words, name), command.get_command(None, name))

    return walk((), root)


EVERY = list(commands())
LEAVES = [(words, command) for words, command in EVERY if not hasattr(command, "list_commands")]


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variables of ours but a Kafka that is not there, no file in the working directory."""
    monkeypatch.setenv("SVQ_CONFIG", "")  # first: `--config` sets it, and the next test must not find that
    for name in [name for name in os.environ if name.startswith("SVQ_") and name != "SVQ_CONFIG"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SVQ_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.chdir(tmp_path)


def test_every_command_option_and_argument_is_explained() -> None:
    for words, command in EVERY:
        assert (command.help or "").strip(), f"svq {' '.join(words)} says nothing"
        for parameter in command.params:
            said = getattr(parameter, "help", None)
            assert said, f"svq {' '.join(words)}: {parameter.name} says nothing"


def test_what_prints_data_prints_json() -> None:
    without = {words for words, command in LEAVES if not any("--json" in one.opts for one in command.params)}
    assert without == NO_DATA


@pytest.mark.parametrize("words", [words for words, _ in EVERY], ids=" ".join)
def test_help_works_and_a_wrong_option_is_code_2(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([*words, "--help"]) == 0
    assert "\x1b" not in capsys.readouterr().out
    assert cli.run([*words, "--no-such-option"]) == 2
    assert "--no-such-option" in capsys.readouterr().err


MISSING = [
    ["--config", "gone.toml", "config", "show"],
    ["init", "gone.csv"],
    ["init", "gone.ndjson"],
    ["publish", "gone.csv"],
    ["publish", "gone.parquet"],
    ["publish", "gone.ndjson"],
    ["rollback", "gone.safetensors"],
    ["data", "show", "gone.csv"],
    ["evaluate", "--interactions", "gone.csv"],
]


@pytest.mark.parametrize("command", MISSING, ids=" ".join)
def test_a_missing_file_is_code_2_and_named(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(command) == 2
    said = capsys.readouterr().err
    assert "gone." in said
    assert "Traceback" not in said
    assert "defect" not in said


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_printed_for_each_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "_SVQ_COMPLETE" in script
    assert "svq" in script


def test_commands_and_options_are_completed() -> None:
    for line, wanted in {"svq tab": "table", "svq table sc": "scan", "svq broker start --fo": "--foreground"}.items():
        words = line.split()
        environment = os.environ | {
            "_SVQ_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
            "PYTHONPATH": str(REPOSITORY),
        }
        command = [sys.executable, "-c", "from infra.cli import main; main()"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert wanted in done.stdout.split(), (line, done)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_are_for_terminals_whose_owner_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert coloured(Terminal())
    assert not coloured(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not coloured(Terminal())
