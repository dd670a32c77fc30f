"""The command line in this process, for the tests of commands."""

import asyncio
import json
from typing import Any

from click.testing import CliRunner, Result
from typer.main import get_command

from infra.cli import app


class Command:
    """The command line in this process; each call in a thread, for it brings an event loop of its own."""

    def __init__(self) -> None:
        self._app = get_command(app)

    async def __call__(self, *arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, self._app, arguments)

    async def json(self, *arguments: str) -> Any:
        result = await self(*arguments, "--json")
        assert result.exit_code == 0, (result.output, result.exception)
        return json.loads(result.stdout)
