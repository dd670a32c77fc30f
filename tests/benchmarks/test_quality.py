"""docs/quality.md is what the stored results say, and nothing is left out of it."""

import json
from copy import deepcopy
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from benchmarks.experiments.catalogue import EXPERIMENTS
from benchmarks.experiments.runner import defaults
from benchmarks.report.comparison import compare, tables
from benchmarks.report.guide import RANGES, guide
from benchmarks.report.quality import NAME, RESULTS, TEMPLATE, Stores, generate, read_stores, write
from pipeline.config import ModelConfig, Task
from pipeline.errors import ConfigError
from schemas.errors import SettingsError
from schemas.retriever import ModelSettings
from tests.benchmarks.sample_result import sample_result

DOCS = Path(__file__).parents[2] / "docs"
ALL_PLACES = "{{headline}}\n{{sets}}\n{{settings}}\n" + "\n".join(f"{{{{experiment {name}}}}}" for name in EXPERIMENTS)


def _stored(values: dict[str, dict[str, list[float]]], settings: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A result by stream, variant and seed of `exact`; half of it is `merge/exact`."""
    return {
        "experiment": "temperature", "seeds": [0, 1, 2], "sample": 64, "head": 5000, "streams": [],
        "defaults": defaults(), "variants": settings, "machine": {"cpu": "Some CPU"}, "seconds": 12.0,
        "rows": [
            {"stream": stream, "variant": variant, "seed": seed, "numbers": {"exact": x, "merge/exact": x / 2}}
            for stream, variants in values.items()
            for variant, found in variants.items()
            for seed, x in enumerate(found)
        ],
    }  # fmt: skip


STORED = _stored(
    {
        "drift": {"tau = 0.1": [0.50, 0.60, 0.40], "tau = 0.05": [0.45, 0.551, 0.349]},
        "ml-100k": {"tau = 0.1": [0.30, 0.31, 0.32], "tau = 0.05": [0.33, 0.30, 0.32]},
    },
    {"tau = 0.1": {}, "tau = 0.05": {"tau": 0.05}},
)


def test_the_page_is_what_the_stored_results_say() -> None:
    page = (DOCS / f"{NAME}.md").read_text()
    assert page == generate(read_stores(), TEMPLATE.read_text()), "run `make quality`"


def test_every_plot_that_the_page_shows_is_there() -> None:
    shown = {
        line.partition("](")[2].rstrip(")")
        for line in (DOCS / f"{NAME}.md").read_text().splitlines()
        if line[:2] == "!["
    }
    assert shown == {f"{NAME}/{path.name}" for path in (DOCS / NAME).glob("*")}


def test_stored_results_are_of_experiments_and_variants_that_there_are() -> None:
    for path in RESULTS.glob("experiments/*.json"):
        stored = json.loads(path.read_text())
        assert stored["experiment"] == path.stem
        for row in stored["rows"]:
            assert row["variant"] in stored["variants"]


def test_seeds_are_paired() -> None:
    found = compare(STORED, "drift", "tau = 0.05", "exact")
    assert found is not None
    assert found.change == pytest.approx(-0.05)
    assert -0.06 < found.low < found.high < -0.04  # far narrower than the seeds are apart
    assert found.mark == "▼"
    unsure = compare(STORED, "ml-100k", "tau = 0.05", "exact")
    assert unsure is not None
    assert unsure.mark == ""
    assert compare(STORED, "drift", "tau = 0.05", "churn") is None


def test_one_seed_marks_nothing() -> None:
    one = deepcopy(STORED)
    one["rows"] = [row for row in one["rows"] if row["seed"] == 0]
    found = compare(one, "drift", "tau = 0.05", "exact")
    assert found is not None
    assert (found.mark, found.low) == ("", pytest.approx(-0.05))


def test_a_table_a_stream_with_the_columns_that_were_measured() -> None:
    text = tables(STORED, ("exact", "churn", "merge/exact"))
    assert text.count("|---") == 2
    assert "| drift | exact | difference | merge/exact |" in text
    assert "| tau = 0.05 | .450 | −.050 (−.052 … −.048) ▼ | .225 ▼ |" in text


def test_the_guide_has_every_setting_and_links_what_was_measured() -> None:
    text = guide({"temperature": STORED})
    assert set(ModelSettings.model_fields) <= set(RANGES) <= {entry.name for entry in fields(ModelConfig)}
    for name, entry in ModelSettings.model_fields.items():
        assert f"| `{name}` |" in text
        assert entry.description
    row = next(line for line in text.splitlines() if "`tau`" in line)
    assert "[0.05](#temperature): −.050▼ to +.007" in row
    assert next(line for line in text.splitlines() if "`gamma`" in line).endswith("|  |")


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, -0.5) for name, text in RANGES.items() if text in {"≥ 0", "> 0", "0 – 1"} and name != "seed"]
    + [(name, 0) for name, text in RANGES.items() if text in {"> 0", "≥ 1"} or text.startswith("1 – ")]
    + [(name, 1.5) for name, text in RANGES.items() if text == "0 – 1"],
)
def test_values_out_of_the_ranges_given_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=name):
        ModelConfig(tasks=(Task("any"),), **{name: value})


def test_everything_stored_has_its_place() -> None:
    page = generate(Stores({"sample": sample_result()}, {"temperature": STORED}), ALL_PLACES)
    assert "[sample](#sample)" in page
    assert "### sample" in page
    assert "![the codes in 2-D](quality/sample-code-map.svg)" in page
    assert "### temperature" in page
    assert (
        "3 seeds, the first 5,000 exposures, 64 questions a micro-batch, Some CPU, 12 s. Not run on movietweetings."
        in page
    )
    assert "Not run yet: `svq experiment run balance`." in page
    assert "{{" not in page


def test_results_measured_with_other_defaults_say_so() -> None:
    old = deepcopy(STORED)
    old["defaults"] = {**old["defaults"], "tau": 0.314, "gone": 1}
    page = generate(Stores({}, {"temperature": old}), ALL_PLACES)
    assert f"other defaults than today's: tau 0.314 → {defaults()['tau']}, gone 1 → not there." in page
    assert "other defaults" not in generate(Stores({}, {"temperature": STORED}), ALL_PLACES)


def test_a_template_without_a_place_or_with_a_wrong_one_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"no place for .*balance"):
        generate(Stores(), "{{headline}}")
    with pytest.raises(SettingsError, match="nothing fills"):
        generate(Stores(), ALL_PLACES + "{{headlin}}")
    with pytest.raises(SettingsError, match="nothing fills"):
        generate(Stores(), ALL_PLACES + "{{experiment alchemy}}")


def test_results_of_an_experiment_that_is_gone_are_refused(tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "alchemy.json").write_text("{}")
    with pytest.raises(SettingsError, match="alchemy"):
        read_stores(tmp_path)


def test_writing_replaces_the_plots_of_what_is_gone(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / "old-pareto.svg").write_text("<svg/>")
    template = tmp_path / "template"
    template.write_text(ALL_PLACES)
    written = write(tmp_path, Stores({"sample": sample_result()}, {}), template)
    assert {path.name for path in (tmp_path / NAME).iterdir()} == {
        f"sample-{plot}.svg" for plot in ("over-time", "pareto", "freshness", "cluster-sizes", "code-map")
    }
    assert written[0].read_text().startswith("| set |")
