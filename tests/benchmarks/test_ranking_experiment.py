"""Rankers are compared on the same candidates, and the index's own vectors rank as streaming VQ's arm does."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.arms.ranked import Ranked
from benchmarks.arms.svq import StreamingVQ
from benchmarks.experiments.bench import Bench, Variant
from benchmarks.experiments.ranking import by_ranker
from benchmarks.experiments.streams import Stream
from benchmarks.replay import Replay
from benchmarks.synthetic.drift import Drift, drifting
from pipeline.config import ModelConfig

TINY = Drift(events=3_000, users=60, items=400, topics=10, periods=6, bursts=3)
SMALL = {"batch": 256, "dim": 16, "id_dim": 16, "hidden": 16, "codes": 16, "start_steps": 2, "start_exposures": 1}


def _stream(name: str, seed: int) -> Stream:
    return Stream(replace(drifting(replace(TINY, seed=seed))[0], name=name))


def _replay(**settings: Any) -> Replay:
    set_ = _stream("tiny", 0).set
    config = ModelConfig(tasks=set_.tasks, features=set_.features, **(SMALL | settings))
    replay = Replay(set_, config, {"svq": StreamingVQ(), "ranked": Ranked()}, sample=16)
    replay.run()
    return replay


def test_the_index_ranks_as_the_arm_of_streaming_vq_does() -> None:
    found = _replay().tally.summary(0)
    for metric in ("hit@10", "ndcg@100"):
        assert found["by index"][metric] == found["svq@10%"][metric] > 0
        assert found["by ranker"][metric] == pytest.approx(found["by index"][metric], abs=0.005)


@pytest.mark.parametrize("ranker", ["two_tower", "attention"])
def test_another_ranker_orders_the_same_candidates_otherwise(ranker: str) -> None:
    found = _replay(ranker=ranker, rank_rate=0.02).tally.summary(0)
    assert found["by ranker"]["ndcg@10"] != found["by index"]["ndcg@10"]
    assert found["by ranker"]["hit@100"] > 0.5 * found["by index"]["hit@100"]


def test_numbers_by_variant() -> None:
    bench = Bench("tiny", 0, _stream, sample=8)
    measured = by_ranker(bench, {"index": Variant(SMALL), "two_tower": Variant(SMALL | {"ranker": "two_tower"})})
    assert measured["index"]["hit@100/index"] == pytest.approx(1.0, abs=0.02)
    assert 0 <= measured["two_tower"]["calibration error"] <= 1
    assert np.isfinite(list(measured["two_tower"].values())).all()
