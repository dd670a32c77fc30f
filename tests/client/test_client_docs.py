"""What the documentation shows is run."""

import ast
import asyncio
import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
import streamvq_client
from streamvq_client import errors
from streamvq_client.tables import TABLES

from schemas.settings import Settings
from tests.serving.conftest import publish, running, server_settings, trained_once, world
from tests.serving.world import World

__all__ = ["server_settings", "trained_once", "world"]  # fixtures of this file, too

README = Path(__file__).parents[2] / "client" / "README.md"
DEADLINE_S = 30.0


@pytest.mark.parametrize("module", [module.name for module in pkgutil.iter_modules(streamvq_client.__path__)])
def test_examples_in_docstrings(module: str) -> None:
    assert doctest.testmod(importlib.import_module(f"streamvq_client.{module}")).failed == 0


SCRIPTS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


async def test_the_scripts_in_the_readme_do_what_it_says(
    world: World, server_settings: Settings, tmp_path: Path
) -> None:
    await publish(server_settings, world.everything())
    async with running(server_settings) as server:
        await server.ready()
        given = {
            "http://127.0.0.1:8080": str(server.client.base_url),
            "127.0.0.1:9092": server_settings.kafka.bootstrap_servers,
            '"svq"': f'"{server_settings.kafka.prefix}"',
        }
        said = [await _run(script, given, tmp_path) for script in SCRIPTS]
    ask, ask_async, expose, publisher, index, changelog = said
    assert len(ask.splitlines()) == 10
    assert [line.split()[0] for line in ask_async.splitlines()] == ["user", "history"]
    assert expose == "1 is in Kafka\n"
    assert "Kafka has it: Acknowledged(" in publisher
    assert "item_index i8 ItemIndexRow(" in index
    assert "i8 in [" in index
    assert "300 items, behind by" in changelog


async def _run(script: str, given: dict[str, str], folder: Path) -> str:
    for place, other in given.items():
        script = script.replace(place, other)
    file = folder / "script.py"
    file.write_text(script)
    command = [sys.executable, "-W", "error", str(file)]
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, cwd=folder)
    try:
        async with asyncio.timeout(DEADLINE_S):
            out, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()
    return out.decode()


def test_every_script_that_a_newcomer_needs_has_ten_lines_or_so() -> None:
    for script in SCRIPTS[:5]:
        assert len([line for line in script.splitlines() if line and "import" not in line]) <= 10


def test_the_package_says_what_it_exports() -> None:
    for name in streamvq_client.__all__:
        assert getattr(streamvq_client, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = streamvq_client.Nothing


def test_the_readme_names_every_table_and_error() -> None:
    text = README.read_text()
    for name in TABLES:
        assert f"`{name}`" in text
    leaves = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ClientError)]
    for kind in leaves:
        if kind is not errors.ReaderError:
            assert f"`{kind.__name__}`" in text, kind


def test_it_is_told_what_it_imports_and_nothing_heavy() -> None:
    told = tomllib.loads((README.parent / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[^a-z0-9]", name)[0] for name in told}
    imported = set()
    for file in (README.parent / "streamvq_client").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            found = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            found += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            imported |= {name.split(".")[0] for name in found}
    assert imported - sys.stdlib_module_names - {"streamvq_client"} == names


def test_the_client_needs_neither_torch_nor_faust_nor_us() -> None:
    names = " ".join(f"streamvq_client.{module.name}" for module in pkgutil.iter_modules(streamvq_client.__path__))
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}.split(): importlib.import_module(name)\n"
        "heavy = {'torch', 'faust', 'numba', 'numpy', 'pydantic', 'schemas', 'pipeline', 'infra'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or None)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd="/")
