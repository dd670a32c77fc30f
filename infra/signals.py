"""A plain kill and a closed terminal ask for the same as Ctrl-C: end in order."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

SLICE_S = 0.5
ASKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stop_signals_interrupt() -> Iterator[None]:
    """Meanwhile each of these signals raises KeyboardInterrupt in the main thread."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in ASKED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_on_sigterm() -> None:
    """Until another handler is set, SIGTERM ends this process with 0: nothing has begun.

    Without a handler it ends it with -15, and as process 1 of a container not at all.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def wait(event: Event, timeout: float) -> bool:
    """Wait for an event, for ever with `inf`, without missing a signal.

    A signal that arrives just before the thread blocks does not wake it (Python runs handlers between instructions
    only), so no single wait may be long.
    """
    end = time.monotonic() + timeout
    while not event.is_set() and (left := end - time.monotonic()) > 0:
        event.wait(min(left, SLICE_S))
    return event.is_set()
