"""Nothing ends quietly: what a task or a thread of ours raises ends the process."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

from tables.errors import StuckError, die


def guarded(work: Coroutine[Any, Any, Any], name: str, **fields: object) -> "asyncio.Task[None]":
    """A task that nobody awaits; `fields` stand on the last line."""
    return asyncio.create_task(_guard(work, name, fields), name=name)


def is_guarded(task: "asyncio.Task[Any]") -> bool:
    """Whether what the task raises ends the process."""
    return getattr(task.get_coro(), "cr_code", None) is _guard.__code__


def guard_process() -> None:
    """The same for threads, and for tasks of libraries that fail where nobody looks. Called inside the event loop."""
    threading.excepthook = _thread_failed
    asyncio.get_running_loop().set_exception_handler(_task_failed)


async def _guard(work: Coroutine[Any, Any, Any], name: str, fields: dict[str, object]) -> None:
    try:
        await work
    except Exception as error:  # noqa: BLE001 - whatever it is, nobody else would see it
        die(error, task=name, **fields)


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    thread = failed.thread.name if failed.thread else "unknown"
    die(failed.exc_value or StuckError("a thread failed"), thread=thread)


def _task_failed(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error, task = context.get("exception"), context.get("future") or context.get("task")
    if isinstance(error, Exception) and isinstance(task, asyncio.Task):
        die(error, task=task.get_name())
    loop.default_exception_handler(context)
