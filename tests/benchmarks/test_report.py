"""Tables and plots say what the results object says, and nothing that it does not."""

import re
from copy import deepcopy
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from benchmarks.report.arms import MEANING, ordered
from benchmarks.report.markdown import section
from benchmarks.report.plots import PLOTS, plots
from benchmarks.report.style import COLOURS, DARK, GREY, WHITE, axes
from benchmarks.report.tables import interval, share, table
from pipeline.config import ModelConfig, Task
from schemas.errors import SettingsError
from tests.benchmarks.sample_result import ARMS, sample_result

SVG = "{http://www.w3.org/2000/svg}"


def _row(text: str, first: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_arm_has_a_row_with_its_numbers() -> None:
    result = sample_result()
    text = section(result)
    for name, arm in result["arms"].items():
        row = _row(text, f"`{name}`")
        assert row[2:5] == [share(arm["hit@10"]), share(arm["hit@100"]), interval(arm["interval"]["hit@100"])]
        assert row[5:8] == [share(arm["ndcg@10"]), share(arm["mrr@10"]), share(arm["coverage@100"])]


def test_a_sceptic_reads_what_was_asked_masked_tied_and_dropped() -> None:
    text = section(sample_result())
    for expected in (
        "1,234 rows", "1,200 exposures", "1,000 positives of `click`", "77 % of the exposures share",
        "items taken before were offered by no arm", "34 rows (no timestamp)", "`note`", "`like`", "item genre",
        "Seed 0", "bootstrap", "Some CPU, 2 cores, 24 GiB", "`tau` = 0.314",
        "exact/popularity 1.050 (1.010 – 1.090) · svq@10%/exact .990", "The times were read as UTC.",
    ):  # fmt: skip
        assert expected in text
    assert "no user" not in text  # nothing was dropped for it


def test_repeats_and_seeds_change_what_is_said() -> None:
    result = sample_result(seeds=(0, 1, 2))
    result["data"]["repeats"] = True
    text = section(result)
    assert "so nothing was masked" in text
    assert "Means of 3 seeds (0, 1, 2)" in text


def test_a_stream_too_short_for_a_codebook_has_none() -> None:
    result = sample_result()
    assert "codes hold items" in section(result)
    result["codes"] |= {"total": 0, "used": 0, "sizes": [], "map": []}
    assert "Codebook: none" in section(result)
    assert "codes hold items" not in section(result)


def test_only_settings_other_than_by_default_are_listed() -> None:
    result = sample_result()
    assert "`gamma`" not in section(result)
    result["settings"]["tau"] = ModelConfig(tasks=(Task("any"),)).tau
    assert "all as by default" in section(result)


def test_slices_have_a_column_each_unless_nothing_was_asked() -> None:
    result = sample_result()
    for arm in result["arms"].values():
        arm["by_age"]["7d"] = {"n": 0, "hit@100": 0.0}
    text = section(result)
    by_age = text[text.index("| age of the item") :]
    assert by_age.startswith("| age of the item | 1h (n = 7) | 1d (n = 7) | older (n = 7) | unseen (n = 7) |")
    entries = result["arms"]["hnsw"]["by_age"]
    assert _row(by_age, "`hnsw`")[1:] == [share(entries[age]["hit@100"]) for age in ("1h", "1d", "older", "unseen")]
    by_popularity = text[text.index("| popularity of the item, tenth | 1 (n = 7) |") :]
    deciles = result["arms"]["svq"]["by_popularity"]
    assert _row(by_popularity, "`svq`")[1:] == [share(entry["hit@100"]) for entry in deciles]


def test_fresh_items_are_shown_by_arm_beside_their_ratio() -> None:
    result = sample_result()
    result["fresh"]["1h"]["n"] = 0
    text = section(result)
    fresh = text[text.index("| first exposed") :]
    assert fresh.startswith("| first exposed at most … ago | 1d (n = 20) | svq ÷ | 7d (n = 20) | svq ÷ |")
    found = [result["fresh"][age]["hnsw"] for age in ("1d", "7d")]
    assert _row(fresh, "`hnsw`")[1:] == [share(found[0]), "1.500", share(found[1]), "1.500"]
    assert _row(fresh, "`ivf`")[2] == ""


@pytest.mark.parametrize("gone", ["fresh", "cold", "codes", "ratios", "throughput"])
def test_what_was_not_measured_is_left_out(gone: str) -> None:
    result = sample_result()
    result[gone] = {}
    assert section(result)


def test_arms_keep_their_order_and_unknown_ones_come_last() -> None:
    assert ordered(["zeta", "svq", "exact"]) == ["exact", "svq", "zeta"]
    assert set(ARMS) <= set(MEANING)


def test_rows_of_a_table_have_as_many_cells_as_its_header() -> None:
    lines = table(("a", "b"), [("1", "2"), ("3", "4")]).splitlines()
    assert {line.count("|") for line in lines} == {3}


def test_plots_are_small_well_formed_and_named_for_screen_readers() -> None:
    drawn = plots(sample_result(codes=64))
    assert set(drawn) == {"over-time", "pareto", "freshness", "cluster-sizes", "code-map"}
    for text in drawn.values():
        root = ET.fromstring(text)  # noqa: S314 - we have just written it
        assert "sample" in (root.findtext(f"{SVG}title") or "")
        assert len(text) < 100_000
        assert not re.search(r"20\d\d-\d\d-\d\d", text)


def test_the_same_numbers_give_the_same_bytes_and_others_do_not() -> None:
    result, other = sample_result(), deepcopy(sample_result())
    other["arms"]["svq"]["over_time"][3]["hit@100"] += 0.1
    assert plots(result) == plots(sample_result())
    assert plots(result)["over-time"] != plots(other)["over-time"]


def test_every_point_of_the_pareto_front_is_drawn() -> None:
    result = sample_result()
    labels = re.findall(r">([^<]+)</text>", plots(result)["pareto"])
    assert {"svq, by budget", "hnsw", "hnsw+buffer", "ivf", "ivf+buffer", "exact"} <= set(labels)


def test_markers_are_whole_however_close_the_numbers_are(monkeypatch: pytest.MonkeyPatch) -> None:
    tops: list[float] = []

    def look_at(drawn: Any, _title: str) -> str:
        tops.append(drawn.get_ylim()[1])
        return ""

    monkeypatch.setattr("benchmarks.report.plots.svg", look_at)
    result = sample_result()
    for arm in result["arms"].values():
        arm["hit@100"] = 0.6
    PLOTS["pareto"].draw(result, "title")
    assert tops == [pytest.approx(0.63)]


@pytest.mark.parametrize("gone", ["over_time", "by_age"])
def test_a_plot_without_numbers_is_not_drawn(gone: str) -> None:
    result = sample_result()
    for arm in result["arms"].values():
        arm[gone] = []
    assert len(plots(result)) == 4


@pytest.mark.parametrize("page", [WHITE, DARK])
def test_colours_stand_out_on_both_pages(page: str) -> None:
    for colour in COLOURS.values():
        assert _contrast(colour, page) >= 3.0  # WCAG 2.1, graphics
    assert _contrast(GREY, page) >= 4.0


def test_without_matplotlib_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(SettingsError, match=r"streamvq\[evaluate\]"), axes():
        pass


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
