import doctest

import pytest

from infra.chaos import outages
from infra.chaos.outages import Movement


def test_examples() -> None:
    assert doctest.testmod(outages).failed == 0


@pytest.mark.parametrize(
    ("since", "until", "still"),
    [
        (1.0, 4.5, 1.0),  # it moves every second
        (4.5, 8.0, 7.0),  # what was on its way still arrived, then nothing
        (5.5, 8.0, 6.5),  # counted from the fault to the next move, wherever that is
        (12.5, 20.0, 0.5),
        (20.0, 30.0, 0.0),  # nothing is known behind the last move
    ],
)
def test_an_outage_is_the_longest_time_without_a_move(since: float, until: float, still: float) -> None:
    movement = Movement([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 12.0, 13.0])
    assert movement.still(since, until) == pytest.approx(still)


def test_what_has_not_ended_counts_for_the_longest() -> None:
    assert Movement([0.0, 1.0]).longest(until=30.0) == 29.0
    assert Movement([]).longest(until=30.0) == 0.0
