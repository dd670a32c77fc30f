"""One evaluation on a terminal, from made-up numbers."""

from typing import Any

import pytest

from infra.evaluation_table import SHORT, show
from tests.benchmarks.sample_result import sample_result


def printed(capsys: pytest.CaptureFixture[str], result: dict[str, Any]) -> str:
    show(result)
    return " ".join(capsys.readouterr().out.split())


def test_fresh_and_cold_items_stand_below_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    result = sample_result()
    result["fresh"] = {"1h": {"n": 0}, "1d": {"n": 1200, **dict.fromkeys(result["arms"], 0.25), "svq": 0.75}}
    result["cold"] = {"n": 50, "hit@100": 0.125, "id_only": 0.02, "chance": 0.02, "interval": [0.1, 0.2]}
    text = printed(capsys, result)
    assert "items first exposed at most 1d before (1,200): exact 0.250 · svq 0.750 ·" in text
    assert "at most 1h" not in text
    assert "items never exposed among each other (50): by features 0.125, by id only and by chance 0.020" in text


@pytest.mark.parametrize(("events", "few"), [(SHORT, False), (SHORT - 1, True)])
def test_a_short_stream_is_called_short(events: int, few: bool, capsys: pytest.CaptureFixture[str]) -> None:
    result = sample_result()
    result["data"]["events"] = events
    assert ("exposures are few" in printed(capsys, result)) == few
