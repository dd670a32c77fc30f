"""Looking at a pulse from another thread, at a moment when it changes."""

from contextlib import ExitStack

from tables.errors import StuckError
from tables.pulse import Pulse


def test_a_longer_limit_that_ends_while_somebody_looks_is_no_delay() -> None:
    seconds = iter([0.0, 100.0])
    under_way = ExitStack()

    def now() -> float:
        second = next(seconds)
        if second:
            under_way.close()  # the thread is done right between the two numbers that are compared
        return second

    pulse = Pulse("thread", 5.0, now, StuckError)
    under_way.enter_context(pulse.during(600.0))
    assert not pulse.overdue
    assert (pulse.still_s, pulse.limit_s) == (0.0, 5.0)
