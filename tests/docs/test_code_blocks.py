"""What the pages show is run or read by what it is for; a block that is not says why."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from blocks import PAGES, ROOT, Block, blocks
from typer.main import get_command

from infra.cli import app
from infra.reference.settings import sections
from schemas.settings import Settings
from schemas.sources import NO_SETTINGS

SHELL = ("", "sh", "bash", "console", "shell")
DATA = ("toml", "json", "yaml")
NOT_CHECKED = {"text", "java", "go", "c", "http", "sql", "ini", "dockerfile", "promql", "properties"}
MARKED = ("java", "go", "c", "http", "sql")
ELSEWHERE = {"client/README.md": "tests/client/test_client_docs.py"}
"""Pages whose Python another test runs, since it needs more than Kafka."""
SCRIPTS = [block for block in blocks("python") if block.executed and block.page not in ELSEWHERE]
NO_SETTINGS_EITHER = {"SVQ_RESTORE_ROWS", "SVQ_DATA_MIRROR", "SVQ_TEST_BOOTSTRAP"}


def ids(found: list[Block]) -> list[str]:
    return [block.where for block in found]


@pytest.mark.parametrize("block", SCRIPTS, ids=ids(SCRIPTS))
def test_python_runs(block: Block, settings_with_topics: Settings, tmp_path: Path) -> None:
    kafka = settings_with_topics.kafka
    text = block.text.replace("127.0.0.1:9092", kafka.bootstrap_servers).replace('"svq', f'"{kafka.prefix}')
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", text],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{block.where}: {done.stderr}"


@pytest.mark.parametrize("block", blocks(*DATA), ids=ids(blocks(*DATA)))
def test_data_is_what_it_says(block: Block) -> None:
    if not block.executed:
        return
    if block.language == "toml":
        values = tomllib.loads(block.text)
        if values.get("kafka", {}).get("sasl_username"):
            values["kafka"]["sasl_password"] = "in the environment"  # noqa: S105
        if values.keys() <= Settings.model_fields.keys():
            Settings.model_validate(values)
    elif block.language == "yaml":
        list(yaml.safe_load_all(block.text))
    else:
        for value in _objects(block.text):
            json.loads(value)


def _objects(text: str) -> list[str]:
    """One value, or several, each of which begins on a line of its own."""
    try:
        json.loads(text)
    except ValueError:
        return re.split(r"\n(?=[{\[])", text.strip())
    return [text]


@pytest.mark.parametrize("block", blocks(*SHELL), ids=ids(blocks(*SHELL)))
def test_commands_exist(block: Block) -> None:
    for line in block.text.replace("\\\n", " ").splitlines():
        check_line(line, block.where)


def check_line(line: str, where: str) -> None:
    """The commands of one line that are ours: their names, options and arguments; and the variables before them."""
    for variable in re.findall(r"\b(SVQ_\w+)=", line):
        assert variable in variables() | NO_SETTINGS | NO_SETTINGS_EITHER, f"{where}: no setting {variable}"
    for command in re.split(r"\||&&|;| & ", line.partition("  #")[0].removeprefix("$ ").partition(" # ")[0]):
        if not re.match(r"\s*(export |[A-Z_]+=\S* )*(svq|\.venv/bin/svq|make|python) ", command):
            continue
        words = shlex.split(command.replace("…", "x").replace("'", '"') if command.count("'") % 2 else command)
        while words[0] == "export" or re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words = words[1:]
        if words[:1] in (["svq"], [".venv/bin/svq"]):
            check_command(words[1:], where)
        elif words[:1] == ["make"]:
            assert all(target in targets() for target in words[1:] if re.fullmatch(r"[a-z]+", target)), (
                f"{where}: {line}"
            )
        elif words[:2] == ["python", "-m"]:
            assert find_spec(words[2]), f"{where}: {line}"


def check_command(words: list[str], where: str) -> None:
    """Parse as the command line does, without running anything."""
    words = [word for word in words if not re.fullmatch(r"\d?>+.*", word)]
    try:
        parse(get_command(app), words)
    except click.UsageError as error:
        # What may be wrong is a value: a file that is not here, a time in a form of its own.
        if isinstance(error, click.MissingParameter) or not isinstance(error, click.BadParameter):
            pytest.fail(f"{where}: svq {' '.join(words)}: {error}")
    except click.exceptions.Exit:
        pass


def parse(command: Any, words: list[str], parent: Any = None) -> None:
    """One level of the command line, then the next."""
    context = command.make_context("svq", list(words), parent=parent)
    rest = [*getattr(context, "_protected_args", []), *context.args]
    if hasattr(command, "list_commands") and rest:
        _, below, left = command.resolve_command(context, rest)
        parse(below, left, context)


def variables() -> set[str]:
    """Every setting as a variable; below names that are chosen freely, nothing is looked at."""
    return {
        f"SVQ_{'__'.join((*path, field)).upper()}" for path, section in sections() for field in section.model_fields
    }


def targets() -> set[str]:
    """Of the Makefile."""
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_whoever_is_not_run_says_why_or_who_does() -> None:
    every = blocks("python", *SHELL, *DATA, *NOT_CHECKED)
    count = sum(
        len(re.findall(r"^ *```[^\n`]*\n.*?^ *```$", page.read_text(), re.MULTILINE | re.DOTALL)) for page in PAGES
    )
    assert len(every) == count, "a block of a language that nobody checks: see NOT_CHECKED"
    for block in every:
        if block.mark.startswith("not run: "):
            assert len(block.mark) > len("not run: ") + 10, block.where
        elif block.mark.startswith("run by "):
            assert (ROOT / block.mark.removeprefix("run by ")).exists(), f"{block.where}: {block.mark}"
        else:
            assert block.language not in MARKED, f"{block.where}: say above it why it is not run, or by which test"
    for page, test in ELSEWHERE.items():
        assert Path(page).name in (ROOT / test).read_text()
