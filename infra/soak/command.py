"""`svq soak` from its first process to its last line."""

import asyncio
from collections.abc import Callable
from typing import Any

from infra.logs import configure_logs
from infra.run_folder import Say, run_folder
from infra.signals import stop_signals_interrupt
from infra.soak.options import SAMPLE_S, SAMPLES, Options
from infra.soak.overload import overload
from infra.soak.stand import on_stand, running_stack
from infra.soak.steady import soak
from infra.stack import Stack
from schemas.errors import InvariantError, SettingsError
from schemas.workers import LogSettings

LEAST_S = SAMPLES * SAMPLE_S[0]


def run(options: Options, say: Say, show: Callable[[dict[str, Any]], None]) -> None:
    """Run one soak and show its report; Ctrl-C ends everything at any time.

    Raises:
        InvariantError: something grew, or was lost.
    """
    _check(options)
    configure_logs(LogSettings(level="error"), role="soak")
    with stop_signals_interrupt(), run_folder(options.keep, "--keep", "soak", say) as folder:
        with running_stack(options, folder, say) as stack:
            report = asyncio.run(_on(options, stack, say))
        show(report)
        if report["complaints"]:
            raise InvariantError("; ".join(report["complaints"]))


def _check(options: Options) -> None:
    """Refuse at once what could not be judged at the end."""
    if not options.overload and options.measured_s < LEAST_S:
        raise SettingsError(
            f"--minutes {options.minutes:g} with {options.warm_minutes:g} of them --warm-up: at least {LEAST_S:g} s "
            "must follow the warm-up, for growth is what their last fifth has beyond the first"
        )


async def _on(options: Options, stack: Stack, say: Say) -> dict[str, Any]:
    async with on_stand(options, stack, say) as stand:
        return await (overload(stand) if options.overload else soak(stand))
