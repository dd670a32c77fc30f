"""The frame of the bench: in turn, percentiles, goals, one JSON object, and the page made of it."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.plain_json import plain_json
from benchmarks.speed import page, scaling
from benchmarks.speed.conditions import Conditions
from benchmarks.speed.figures import Figure, Spread, rates, times
from benchmarks.speed.goals import GOALS, judged
from benchmarks.speed.markdown import tables
from benchmarks.speed.result import measure
from benchmarks.speed.timing import in_turn
from infra import cli
from infra.speed.parts import PARTS, chosen
from schemas.errors import SettingsError


def test_ways_are_taken_in_turn_and_the_first_round_does_not_count() -> None:
    seen: list[str] = []
    ways = {"a": lambda: seen.append("a"), "b": lambda: seen.append("b")}
    seconds = in_turn(ways, repeats=2, before=lambda: seen.append("-"))
    assert "".join(seen) == "-a-b" * 3
    assert {way: taken.shape for way, taken in seconds.items()} == {"a": (2,), "b": (2,)}


def test_a_ratio_above_one_is_better_whatever_the_unit() -> None:
    fast, slow = np.array([1.0, 2.0, 4.0]), np.array([2.0, 4.0, 8.0])
    assert times("t", "", "", (fast, slow), {}).ratio == 2
    assert rates("r", "", "", "items/s", (fast, slow), (10, 10), {}).ratio == 2
    assert Spread.rate(fast, 8).p50 == 4
    assert Spread.rate(fast, 8).p99 < Spread.rate(fast, 8).p50 < 8


def _part(conditions: Conditions) -> list[Figure]:
    merge = times("merge_50000_of_1m_vs_exact", "merge", "scan", (np.full(3, 1e-3), np.full(3, 5e-2)), {"n": 1})
    return [merge, times("other", "a", "b", (np.full(3, 1.0), np.full(3, conditions.repeats(9))), {})]


def test_one_object_holds_everything_and_makes_the_page(tmp_path: Path) -> None:
    conditions = Conditions(quick=True, folder=tmp_path, bootstrap=lambda: pytest.fail("no Kafka"), say=lambda _: None)
    result = json.loads(plain_json(measure({"part": _part}, conditions)))
    assert result["ratios"] == {"merge_50000_of_1m_vs_exact": 50, "other": 3}
    assert [goal["reached"] for goal in result["goals"]] == [True, True]
    assert len(result["parts"]["part"]["load"]) == 2
    text = page.filled(f"before {page.BEGIN} old {page.END} after", json.dumps(result))
    assert tables(result) in text
    assert text.startswith("before")
    assert text.endswith("after")
    assert "old" not in text
    assert page.filled(text, json.dumps(result)) == text


def test_a_goal_is_missed_on_the_other_side_of_its_bound() -> None:
    slow = times("merge_50000_of_1m_vs_exact", "", "", (np.full(3, 2e-3), np.full(3, 1.0)), {})
    assert [(goal["number"], goal["reached"]) for goal in judged([slow])] == [("p50", False), ("p99", True)]
    assert not judged([times("other", "", "", (np.ones(3), np.ones(3)), {})])
    assert len({(goal.figure, goal.number) for goal in GOALS}) == len(GOALS)


def test_parts_are_chosen_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(chosen([])) == list(PARTS)
    assert list(chosen(["retrieve", "assign"])) == ["assign", "retrieve"]
    with pytest.raises(SettingsError, match="no part 'nonsense'"):
        chosen(["nonsense"])
    assert cli.run(["bench", "--list"]) == 0
    assert capsys.readouterr().out.split() == list(PARTS)
    assert cli.run(["bench", "nonsense"]) == 2


def test_what_a_load_needs_follows_from_what_one_process_does() -> None:
    one = {"name": "end_to_end_vs_core", "ours": {"p50": 10_000.0}}
    result = {"parts": {"end-to-end": {"figures": [one]}}}
    (trainers, parameters) = scaling.needs(scaling.Load(exposures=25_000), result)
    assert trainers.processes == 3
    assert parameters.asked == pytest.approx(2 * 25_000 * 0.6 * scaling.ROW_BYTES / 1e6)
    text = scaling.shown(scaling.Load(exposures=25_000), result)
    assert "| trainers (one is possible today) | 10,000 exposures/s | 25,000 exposures/s | 3 |" in text
