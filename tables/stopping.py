"""Being told to stop: once is enough, more does no harm, and it ends in time whatever hangs."""

import asyncio
import os
import signal
import threading

import structlog

log = structlog.get_logger(__name__)

STOP_DEADLINE_S = 8.0
"""From the signal to the end: orchestrators grant ten seconds, and a busy machine is late."""


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set. The first one starts the deadline, others change nothing."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked(number: signal.Signals) -> None:
        if stop.is_set():
            log.info("stopping already", signal=number.name)
            return
        log.info("stopping", signal=number.name)
        stop.set()
        leave = threading.Timer(STOP_DEADLINE_S, _leave)
        leave.daemon = True
        leave.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked, number)
    return stop


def _leave() -> None:
    # Every step that had begun is committed, or will be settled by the next owner: nothing to wait for.
    log.warning("did not stop in time; leaving", seconds=STOP_DEADLINE_S)
    os._exit(0)
