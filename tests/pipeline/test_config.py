"""The configuration: what it refuses, how it travels."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import Feature, ModelConfig, Task
from pipeline.errors import ConfigError, PipelineError

CONFIG = ModelConfig(
    tasks=(Task("click"), Task("watch", "value", weight=0.5, eta=0.3, cap=600.0)),
    features=(
        Feature("tag", "item", "multi"),
        Feature("tag", "user", "categorical"),
        Feature("hour", "context", "numeric"),
    ),
)


def test_travels_as_json() -> None:
    sent = json.loads(json.dumps(CONFIG.to_dict()))
    received = ModelConfig.from_dict(sent)
    assert received == CONFIG
    assert received.hash() == CONFIG.hash()


def test_the_hash_changes_with_every_setting() -> None:
    others = [
        replace(CONFIG, tau=0.2),
        replace(CONFIG, half_lives=(1000.0,)),
        replace(CONFIG, tasks=CONFIG.tasks[::-1]),
        replace(CONFIG, features=CONFIG.features[:2]),
        replace(CONFIG, seed=1),
    ]
    assert len({config.hash() for config in [CONFIG, *others]}) == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tasks": ()}, "at least one task"),
        ({"tasks": (Task("a"), Task("a"))}, "configured twice"),
        ({"features": CONFIG.features[:1] * 2}, "item-tag is configured twice"),
        ({"dim": 0}, "dim must"),
        ({"codes": 0}, "codes must"),
        ({"batch": 0}, "batch must"),
        ({"tau": 0.0}, "tau must"),
        ({"tau": float("nan")}, "tau must"),
        ({"gamma": -1.0}, "gamma must"),
        ({"hysteresis": 1.0}, "hysteresis must"),
        ({"alpha": 1.0}, "alpha must"),
        ({"interval_rate": 0.0}, "interval_rate must"),
        ({"start_steps": 600}, "start_steps must"),
        ({"start_exposures": 0}, "start_exposures must"),
        ({"half_lives": ()}, "half_lives"),
        ({"half_lives": (float("inf"),)}, "half_lives"),
        ({"half_lives": (2.0,) * 65}, "half_lives"),
        ({"codes": 1 << 20, "dim": 512}, "codes"),
        ({"tasks": tuple(Task(f"t{n}") for n in range(65))}, "at most 64 tasks"),
        ({"features": tuple(Feature(f"f{n}", "item", "numeric") for n in range(257))}, "at most 256 features"),
        ({"history": 0}, "history must"),
        ({"expire_after": 10}, "expire_after"),
        ({"ranker": "best"}, "ranker"),
        ({"seed": -1}, "seed must"),
        ({"version": 2}, "update streamvq"),
    ],
)
def test_refuses(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(CONFIG, **change)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Feature("a/b", "item", "multi"), "feature name"),
        (lambda: Feature("a", "shop", "multi"), "side"),  # type: ignore[arg-type]
        (lambda: Feature("a", "item", "list"), "kind"),  # type: ignore[arg-type]
        (lambda: Feature("a", "item", "multi", dim=0), "dim"),
        (lambda: Feature("a", "item", "multi", max_values=0), "max_values"),
        (lambda: Task("a b"), "task name"),
        (lambda: Task("a", "rank"), "kind"),  # type: ignore[arg-type]
        (lambda: Task("a", weight=-1.0), "weight"),
        (lambda: ModelConfig.from_dict({"tasks": [{"name": "a"}], "taus": 1}), "unknown setting taus"),
        (lambda: ModelConfig.from_dict({"tasks": [{}]}), "Task: name is missing"),
        (lambda: ModelConfig.from_dict({"tasks": [{"name": "a"}], "dim": "64"}), "wrong type"),
        *(
            (
                lambda wrong=wrong: ModelConfig.from_dict({"tasks": [{"name": "a"}], **wrong}),
                f"{name}.*(wrong type|number)",
            )
            for wrong in (
                *({"dim": 64.5}, {"dim": True}, {"codes": 1e400}, {"log_q": "x"}, {"tau": "1"}, {"alpha": [1]}),
                *({"admit_after": 10**30}, {"interval_max": 10**400}, {"half_lives": [10**400]}, {"half_lives": "a"}),
            )
            for name in wrong
        ),
    ],
)
def test_says_what_is_wrong(build: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build()
    assert issubclass(ConfigError, PipelineError)
    assert issubclass(ConfigError, ValueError)


@given(st.integers(0, 10**7))
def test_auto_codes_are_a_power_of_two_near_four_times_the_root_of_the_items(items: int) -> None:
    codes = CONFIG.codes_for(items)
    assert codes & (codes - 1) == 0
    assert 64 <= codes <= 16384
    if 64 < codes < 16384:
        assert 0.707 <= codes / (4 * items**0.5) <= 1.4143  # a tie may go either way


def test_alpha_follows_batch_and_codes() -> None:
    assert CONFIG.alpha_for(64) == pytest.approx(0.9)
    assert CONFIG.alpha_for(1024) == pytest.approx(1 - 1024 / 40960)
    assert CONFIG.alpha_for(16384) == pytest.approx(0.997)
    assert replace(CONFIG, alpha=0.5).alpha_for(64) == 0.5
    assert replace(CONFIG, codes=77).codes_for(10**6) == 77
