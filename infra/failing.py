"""Work that ends when something beside it fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.stack import Stack

LOOK_S = 0.5


@asynccontextmanager
async def failing_with(task: "asyncio.Task[None]") -> AsyncIterator[None]:
    """What is inside ends when the task fails, with the task's error; the task is over when this is."""
    inside = asyncio.current_task()
    failed = False

    def ended(done: "asyncio.Task[None]") -> None:
        nonlocal failed
        if not done.cancelled() and done.exception() and inside:
            failed = True
            inside.cancel()

    task.add_done_callback(ended)
    try:
        yield
    except asyncio.CancelledError:
        if failed and (error := task.exception()):
            if inside:
                inside.uncancel()
            raise error from None
        raise
    finally:
        task.remove_done_callback(ended)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until_failed(stack: Stack) -> None:
    """Raise the stack's failure once there is one."""
    while not (failure := stack.failure):  # noqa: ASYNC110 - it is known to threads, not to this loop
        await asyncio.sleep(LOOK_S)
    raise failure
