"""`svq evaluate` with items left out, and without the candidate stream."""

from pathlib import Path

import pytest

from infra.cli import run
from tests.benchmarks.test_evaluate_command import SMALL, answer, asked, files

__all__ = ["files"]
ARMS = ("--arms", "exact,svq,popularity", "--json")


def test_a_rule_leaves_items_out(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    everything = answer(capsys, asked(files, *SMALL, *ARMS))
    assert not {"eligible", "candidates"} & set(everything)
    some = answer(capsys, asked(files, *SMALL, *ARMS, "--where", "genre=g0", "--where", "genre=g1", "--max-age", "3"))
    assert some["eligible"] == {"max_age_ms": 3 * 86_400_000, "where": {"genre": ["g0", "g1"]}}
    # Nearly none: the event that opens a micro-batch may be the one that publishes its item.
    none = answer(capsys, asked(files, *SMALL, *ARMS, "--max-age", "0"))
    for arm in ("exact", "svq", "popularity"):
        hits = [result["arms"][arm]["hit@100"] for result in (none, some, everything)]
        assert hits[0] < 0.02 < hits[1] < hits[2]


def test_items_that_follow_only_when_exposed_go_astray(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = answer(capsys, asked(files, *SMALL, *ARMS, "--no-candidates"))
    assert result["candidates"] is False
    tenths = result["codes"]["misplaced_by_popularity"]
    assert len(tenths) == 10
    assert sum(tenths) / 10 == pytest.approx(result["codes"]["misplaced"], abs=0.02) != 0
    followed = answer(capsys, asked(files, *SMALL, *ARMS))
    assert "misplaced_by_popularity" not in followed["codes"]
    assert result["arms"]["exact"]["hit@100"] != followed["arms"]["exact"]["hit@100"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--where", "genre"], "expected FEATURE=VALUE"),
        (["--where", "colour=red"], "items have no feature colour\nChoose from genre."),
        (["--max-age", "inf"], "--max-age inf: expected days, up to 1,000,000"),
        (["--max-age", "nan"], "--max-age nan: expected days"),
        (["--max-age", "-1"], "--max-age -1.0: expected days"),
        (["--where", "genre=nosuch"], "no item fits --where genre=nosuch"),
        (["--where", "genre=1..x"], "a range is of two numbers"),
        (["--where", "genre=1..2", "--where", "genre=g1"], "genre was given before"),
        (["--where", "genre=g1", "--where", "genre=1..2"], "genre was given before"),
    ],
)
def test_a_rule_that_makes_no_sense(
    files: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(asked(files, *options)) == 2
    assert said in capsys.readouterr().err
