"""Experiments are what they say: every variant builds, the same run is not made twice, results survive on disk."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.arms.base import Answer, Moment, Questions
from benchmarks.arms.exact import Exact
from benchmarks.arms.svq import StreamingVQ
from benchmarks.experiments import bench as bench_module
from benchmarks.experiments.bench import Bench, Variant
from benchmarks.experiments.catalogue import DEFAULTS, EXPERIMENTS
from benchmarks.experiments.estimator import by_hashes
from benchmarks.experiments.experiment import NO_STREAM
from benchmarks.experiments.measures import by_arm, by_settings, trend
from benchmarks.experiments.merging import CANDIDATES, Merges, by_way
from benchmarks.experiments.reseeding import by_cadence
from benchmarks.experiments.runner import Conditions, run, store
from benchmarks.experiments.scanning import by_refreshed
from benchmarks.experiments.streams import DRAWN, Stream, load
from benchmarks.interactions import Interactions
from benchmarks.replay import Replay
from benchmarks.synthetic.drift import Drift, drifting
from pipeline.config import ModelConfig, Task
from pipeline.errors import ConfigError
from schemas.errors import SettingsError

TINY = Drift(events=3_000, users=60, items=400, topics=10, periods=6, bursts=3)
SMALL = {"batch": 256, "dim": 16, "id_dim": 16, "hidden": 16, "codes": 16, "start_steps": 2, "start_exposures": 1}


def _stream(name: str, seed: int) -> Stream:
    drawn, truth = drifting(replace(TINY, seed=seed))
    return Stream(replace(drawn, name=name), truth.ceiling(drawn, 100))


@pytest.fixture
def bench() -> Bench:
    return Bench("tiny", 0, _stream, sample=8)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_variant_is_a_valid_configuration_of_its_own(name: str) -> None:
    experiment = EXPERIMENTS[name]
    tasks = (Task("a"), Task("b"))
    stream = Stream(Interactions("x", [], [], *[np.zeros(0, np.int32)] * 2, np.zeros(0, np.int64), tasks,
                                 np.zeros((0, 2), np.float32), np.zeros(0, np.int64)))  # fmt: skip
    bench = Bench("x", 0, lambda *_: stream)
    configurations = [
        (bench.prepared(variant)[1].hash(), tuple(variant.options.items())) for variant in experiment.variants.values()
    ]
    if experiment.measure is not by_arm:  # there the variants are the arms of one replay
        assert len(set(configurations)) == len(configurations)
    assert not next(iter(experiment.variants.values())).settings  # the first is the default


def test_setting_names_say_the_defaults_of_today() -> None:
    for experiment in EXPERIMENTS.values():
        for name, variant in experiment.variants.items():
            setting, equals, value = name.partition(" = ")
            if equals and "," not in name and not variant.settings:
                default = getattr(DEFAULTS, setting)
                assert value == ("auto" if default is None else str(default))


def test_a_setting_that_does_not_exist_is_refused(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="momentum"):
        bench.prepared(Variant({"momentum": 0.9}))


def test_the_same_replay_is_made_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def run_once(_set: Interactions, config: ModelConfig, seed: int, **_: Any) -> dict[str, Any]:
        made.append((config.beta, seed))
        return {"number": len(made)}

    monkeypatch.setattr(bench_module, "run_once", run_once)
    first = bench.run(Variant(), ("exact",))
    assert bench.run(Variant({"beta": ModelConfig(tasks=(Task("x"),)).beta}), ("exact",)) is first
    assert bench.run(Variant({"beta": 0.9}), ("exact",)) is not first
    assert bench.run(Variant(), ("svq",)) is not first
    assert len(made) == 3


def test_primary_only_leaves_the_first_task() -> None:
    drawn, _ = drifting(TINY)
    two = replace(drawn, tasks=(*drawn.tasks, Task("like")), labels_nt=np.repeat(drawn.labels_nt, 2, axis=1))
    bench = Bench("two", 0, lambda *_: Stream(two))
    set_, config = bench.prepared(Variant(primary_only=True))
    assert [task.name for task in config.tasks] == ["click"]
    assert set_.labels_nt.shape == (TINY.events, 1)


def test_numbers_by_settings(bench: Bench) -> None:
    measured = by_settings(bench, {"one": Variant(SMALL), "popularity off": Variant(SMALL | {"gamma": 0.0})})
    one = measured["one"]
    assert 0 < one["exact"] <= 1
    assert bench.ceiling is not None
    assert one["exact/ceiling"] == pytest.approx(one["exact"] / bench.ceiling)
    assert 0 < one["perplexity/K"] <= 1
    assert one != measured["popularity off"]


def test_numbers_by_arm(bench: Bench) -> None:
    measured = by_arm(bench, {"exact": Variant(), "svq": Variant(), "no such arm": Variant()})
    assert set(measured) == {"exact", "svq"}
    assert measured["exact"]["scored %"] == pytest.approx(100)
    assert {"head", "tail", "coverage", "build s", "query s"} <= set(measured["exact"])


def _windows(values: list[float]) -> list[dict[str, float]]:
    return [{"event": place, "n": 10, "hit@100": value} for place, value in enumerate(values)]


def test_a_trend_is_the_change_along_the_stream_without_its_beginning() -> None:
    falling = _windows([0.9] * 5 + [0.5 - 0.01 * k for k in range(15)])
    assert trend(falling) == pytest.approx(-0.2)
    flat = _windows([0.5] * 20)
    assert trend(flat) == pytest.approx(0, abs=1e-12)
    assert trend(falling, flat) == pytest.approx(-0.4)
    assert math.isnan(trend(_windows([0.5] * 20)[:2]))


def test_windows_without_questions_do_not_count() -> None:
    windows = _windows([0.5 + 0.01 * k for k in range(20)])
    windows[10] = {"event": 10, "n": 0, "hit@100": 0.0}
    assert trend(windows) == pytest.approx(0.2)


class Checked(Merges):
    """Looks at the candidates of every way while the replay runs."""

    def answer(self, moment: Moment, questions: Questions) -> Mapping[str, Answer]:
        answers = super().answer(moment, questions)
        clusters = self._cluster_scores(moment)
        by_one = self._merged(clusters, questions, 1)
        filled = self._filled(clusters, questions)
        keys = np.append(moment.clusters_n + 1, 0)
        for question, rows in enumerate(filled):
            found = rows[rows >= 0]
            assert len(set(found.tolist())) == len(found)
            assert not np.isin(found, questions.seen[question]).any()
            values = clusters[question][keys[found]]
            assert (np.diff(values) <= 0).all()  # cluster after cluster, the best first
        assert (np.sort(by_one >= 0, axis=1) == np.sort(filled >= 0, axis=1)).all()  # as many of both
        return answers


def test_filling_takes_whole_lists_and_the_merge_what_scores_best() -> None:
    stream = _stream("tiny", 0)
    config = ModelConfig(tasks=stream.set.tasks, **SMALL)
    ways = {"merge": 1, "fill": 0}
    replay = Replay(stream.set, config, {"exact": Exact(), "ways": Checked(ways), "svq": StreamingVQ()}, sample=8)
    replay.run()
    found = replay.tally.summary()
    assert set(ways) <= set(found)
    assert found["merge"]["scored_share"] == pytest.approx(found["svq@2%"]["scored_share"])  # both look at 200
    assert CANDIDATES == 200


def test_numbers_by_way(bench: Bench) -> None:
    measured = by_way(bench, {name: Variant(options={"chunk": chunk}) for name, chunk in (("8", 8), ("fill", 0))})
    for numbers in measured.values():
        assert 0 < numbers["kept of exact"] <= 1
    assert measured["8"]["µs a question"] >= 0
    assert "µs a question" not in measured["fill"]


def test_items_that_do_not_follow_are_misplaced(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bench, "prepared", lambda self, _: (self.stream.set, ModelConfig((Task("click"),), **SMALL)))
    measured = by_refreshed(
        bench, {name: Variant(options={"refreshed": n}) for name, n in (("all", 50_000), ("none", 0))}
    )
    assert measured["none"]["misplaced"] > 1.3 * measured["all"]["misplaced"]
    assert measured["none"]["misplaced, rarest half"] > measured["none"]["misplaced, most popular tenth"]


def test_empty_codes_move_only_when_looked_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    config = ModelConfig((Task("click"),), **(SMALL | {"codes": 64, "alpha": 0.5, "disturbance": 1.0}))
    monkeypatch.setattr(Bench, "prepared", lambda self, _: (self.stream.set, config))
    measured = by_cadence(bench, {str(every): Variant(options={"every": every}) for every in (0, 1)})
    assert measured["0"]["codes moved"] == 0 < measured["1"]["codes moved"]
    assert measured["1"]["perplexity/K"] != measured["0"]["perplexity/K"]
    split = by_cadence(bench, {"split": Variant(options={"every": 1, "split": 1})})["split"]
    assert split["codes moved"] > 0
    assert split["perplexity/K"] != measured["0"]["perplexity/K"]


def test_the_estimator_errs_less_with_more_arrays() -> None:
    bench = Bench(NO_STREAM, 0, _stream)
    variants = {str(n): Variant(options={"hashes": n, "rate": 0.05, "steps": 300}) for n in (1, 4)}
    measured = by_hashes(bench, variants)
    assert measured["4"]["error at 300"] < measured["1"]["error at 300"]


def test_drawn_streams_follow_the_seed_and_read_ones_are_cut() -> None:
    def read(_name: str) -> Interactions:
        return drifting(TINY)[0]

    assert len(load("mine", 0, read, head=100).set) == 100
    assert load("mine", 0, read).ceiling_n is None
    assert set(DRAWN) == {"drift", "still"}


def test_results_are_stored_a_row_a_line_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = replace(EXPERIMENTS["auxiliary"], streams=("a", "b"), measure=lambda bench, variants: {
        name: {"exact": bench.seed + 0.123456789, "nothing": math.nan} for name in variants
    })  # fmt: skip
    monkeypatch.setattr("benchmarks.experiments.runner.EXPERIMENTS", {"auxiliary": experiment})
    said: list[str] = []
    (result,) = run(["auxiliary"], Conditions(seeds=(0, 4)), lambda _: drifting(TINY)[0], said.append)
    path = store(result, tmp_path / "results")
    stored = json.loads(path.read_text())
    assert path.name == "auxiliary.json"
    rows = 2 * 2 * len(experiment.variants)
    assert len(stored["rows"]) == rows
    assert stored["rows"][-1] == {
        "stream": "b",
        "variant": list(experiment.variants)[-1],
        "seed": 4,
        "numbers": {"exact": 4.1235},
    }
    assert said == [f"auxiliary: {stream}, seed {seed}" for stream in "ab" for seed in (0, 4)]
    assert len([line for line in path.read_text().splitlines() if line.startswith('  {"stream"')]) == rows
    assert stored["variants"]["both"] == {"sim_weight": 1.0}
    assert stored["defaults"]["tau"] == DEFAULTS.tau


def test_an_unknown_experiment_is_refused_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match=r"no experiment alchemy[\s\S]*balance"):
        next(run(["alchemy"], Conditions(), lambda _: drifting(TINY)[0], print))
