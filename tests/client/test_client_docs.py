"""What the documentation shows is run."""

import asyncio
import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
import streamvq_client
from aiokafka import AIOKafkaProducer
from client_topics import CreateTopic
from streamvq_client import errors
from streamvq_client.rows import ItemIndexRow, encode
from streamvq_client.tables import TABLES

README = Path(__file__).parents[2] / "client" / "README.md"
DEADLINE_S = 30.0


@pytest.mark.parametrize("module", [module.name for module in pkgutil.iter_modules(streamvq_client.__path__)])
def test_examples_in_docstrings(module: str) -> None:
    assert doctest.testmod(importlib.import_module(f"streamvq_client.{module}")).failed == 0


async def test_the_script_in_the_readme_follows_an_index(
    bootstrap: str, prefix: str, create_topic: CreateTopic, producer: AIOKafkaProducer, tmp_path: Path
) -> None:
    topic = await create_topic("indexer-item_index-changelog")
    assert topic == TABLES["item_index"].topic(prefix)
    row = encode(ItemIndexRow([3], [0.5], [1.0], 2, 1 << 60, 1_700_000_000_000, 1_700_000_000_000))
    for item in (b"i1", b"i2"):
        await producer.send_and_wait(topic, key=item, value=row)
    (script,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    place = '"127.0.0.1:9092", "svq"'
    assert place in script
    file = tmp_path / "follow.py"
    file.write_text(script.replace(place, f'"{bootstrap}", "{prefix}"'))
    running = await asyncio.create_subprocess_exec(sys.executable, "-u", str(file), stdout=PIPE)
    assert running.stdout is not None
    wanted = f"2 items, behind by {{'{topic}': 0}}\n".encode()
    try:
        async with asyncio.timeout(DEADLINE_S):
            while await running.stdout.readline() != wanted:
                assert running.returncode is None
    finally:
        running.kill()
        await running.communicate()


def test_the_readme_names_every_table_and_error() -> None:
    text = README.read_text()
    for name in TABLES:
        assert f"`{name}`" in text
    leaves = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ClientError)]
    for kind in leaves:
        if kind is not errors.ReaderError:
            assert f"`{kind.__name__}`" in text, kind


def test_the_client_needs_neither_torch_nor_faust_nor_us() -> None:
    names = " ".join(f"streamvq_client.{module.name}" for module in pkgutil.iter_modules(streamvq_client.__path__))
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}.split(): importlib.import_module(name)\n"
        "heavy = {'torch', 'faust', 'numba', 'numpy', 'pydantic', 'schemas', 'pipeline', 'infra'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or None)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd="/")
