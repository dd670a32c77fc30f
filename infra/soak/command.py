"""`svq soak` from its first process to its last line."""

import asyncio
from typing import Any

from infra.logs import configure_logs
from infra.signals import stop_signals_interrupt
from infra.soak.options import Options
from infra.soak.overload import overload
from infra.soak.stand import Say, on_stand, running_stack
from infra.soak.steady import soak
from infra.stack import Stack
from schemas.workers import LogSettings


def run(options: Options, say: Say) -> dict[str, Any]:
    """The report of one soak; Ctrl-C ends everything at any time."""
    configure_logs(LogSettings(level="error"), role="soak")
    with stop_signals_interrupt(), running_stack(options, say) as stack:
        return asyncio.run(_on(options, stack, say))


async def _on(options: Options, stack: Stack, say: Say) -> dict[str, Any]:
    async with on_stand(options, stack, say) as stand:
        return await (overload(stand) if options.overload else soak(stand))
