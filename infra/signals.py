"""A plain kill and a closed terminal ask for the same as Ctrl-C: end in order."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

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
