"""docs/retrieving.md: every command on it is sent to a server, and answered."""

import json
import re
import shlex
from pathlib import Path
from typing import Any, NamedTuple

from schemas.limits import REQUESTS
from schemas.settings import Settings
from serving.attributes import MOST_COLUMNS
from serving.filters import MOST_KEPT
from tests.serving.conftest import publish, running
from tests.serving.world import World

PAGE = (Path(__file__).parents[2] / "docs" / "retrieving.md").read_text()


class Asked(NamedTuple):
    path: str
    body: Any


def commands() -> list[Asked]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    return [_read(words) for block in blocks for words in _lines(block)]


def _lines(block: str) -> list[list[str]]:
    words = shlex.split(block.replace("\\\n", " "))
    starts = [place for place, word in enumerate(words) if word == "curl"]
    return [words[begin:end] for begin, end in zip(starts, [*starts[1:], len(words)], strict=True)]


def _read(words: list[str]) -> Asked:
    address = next(word for word in words if word.startswith("localhost:8080"))
    body = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
    return Asked(address.removeprefix("localhost:8080"), body)


async def test_every_command_is_answered(world: World, server_settings: Settings) -> None:
    asked = commands()
    assert len(asked) > 15
    await publish(server_settings, world.everything())
    async with running(server_settings) as server:
        await server.ready()
        for path, body in asked:
            response = await (server.client.get(path) if body is None else server.client.post(path, json=body))
            assert response.status_code == 200, (path, response.text)
            answers = response.json().get("answers", [response.json()])
            for answer in answers:
                assert answer.get("warnings", []) == [], (path, body)
                assert answer.get("items", True), (path, body)


def test_the_numbers_are_those_of_the_code() -> None:
    for said in (
        f"At most {REQUESTS.filter_conditions} conditions, nested {REQUESTS.filter_depth} deep",
        f"with {REQUESTS.filter_values:,} values each",
        f"{MOST_COLUMNS} columns are kept, and the masks of the last {MOST_KEPT} filters",
        f"up to {REQUESTS.excluded:,} items",
        f"`k` below 1 or above {REQUESTS.k:,}",
    ):
        assert said in PAGE
