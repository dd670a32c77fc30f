"""For the commands that read topics: the settings, and errors that an operator understands."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from streamvq_client import errors as client_errors

from infra.logs import configure_logs
from infra.own_broker import with_own_broker
from infra.reach import quiet_client_logs, reach
from schemas.errors import InvariantError, StreamVQError, TopicsError, UnreachableError
from schemas.settings import Settings, load_settings

Result = TypeVar("Result")


def settings_and_logs() -> Settings:
    """The settings in force, with the libraries' own lines on standard error as they say."""
    settings = with_own_broker(load_settings())
    configure_logs(settings.logs)
    return settings


def run(settings: Settings, work: Coroutine[Any, Any, Result]) -> Result:
    """The result of work with Kafka, which is asked first whether it answers at all.

    Errors of the client become those that end a command with a message.
    """
    try:
        return asyncio.run(_on_what_answers(settings, work))
    except client_errors.ClientError as error:
        raise _ours(error) from error


async def _on_what_answers(settings: Settings, work: Coroutine[Any, Any, Result]) -> Result:
    try:
        with quiet_client_logs():
            await reach(settings.kafka)
    except BaseException:
        work.close()
        raise
    return await work


def _ours(error: client_errors.ClientError) -> StreamVQError:
    match error:
        case client_errors.UnreachableError():
            return UnreachableError(f"{error}.\nCheck kafka.bootstrap_servers and the login, then try again")
        case client_errors.TopicMissingError():
            return TopicsError(f"{error}.\nCheck kafka.prefix, or create the topics with `svq topics create`")
        case client_errors.ReadAgainError():
            return UnreachableError(f"{error}.\nTry again")
        case _:
            return InvariantError(str(error))
