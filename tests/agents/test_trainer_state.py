"""A trainer goes on only with settings and offsets that belong to the stored model, and says what differs."""

from dataclasses import replace
from typing import Any

import pytest

from agents.micro_batch import Position
from agents.trainer_state import ahead, check_config, resume
from pipeline.config import Feature, ModelConfig, Task
from schemas.errors import InvariantError, SettingsError
from schemas.parameters import Commit

CONFIG = ModelConfig(tasks=(Task("click"), Task("watch", "value")), features=(Feature("color", "item", "categorical"),))
PRICE = Feature("price", "item", "numeric")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"dim": 32}, "model.dim is 32 in the settings, 64 in the stored model"),
        ({"codes": 256}, "model.codes is 256"),
        ({"half_lives": (10.0,)}, "model.half_lives"),
        ({"features": (*CONFIG.features, PRICE)}, "features.item.price is .* nothing in the stored model"),
        ({"features": ()}, "features.item.color is nothing in the settings"),
        ({"features": (replace(CONFIG.features[0], dim=8),)}, "features.item.color"),
        ({"tasks": CONFIG.tasks[:1]}, "tasks.watch"),
        ({"ranker": "attention"}, "model.ranker is attention"),
    ],
)
def test_a_model_of_another_shape_is_refused(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match=named) as refused:
        check_config(CONFIG, replace(CONFIG, **changes), "shop")
    prefix = any(name in changes for name in ("dim", "codes", "half_lives"))
    assert ("kafka.prefix" in str(refused.value)) == prefix
    assert ("svq migrate --dry-run" in str(refused.value)) != prefix


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tau": 0.1, "batch": 64, "dense_rate": 1e-4},
        {"tasks": (replace(CONFIG.tasks[0], weight=2.0), CONFIG.tasks[1])},
        {"tasks": CONFIG.tasks[::-1], "seed": 7},
    ],
)
def test_numbers_may_be_tuned(changes: dict[str, Any]) -> None:
    check_config(CONFIG, replace(CONFIG, **changes), "shop")


COMMIT = Commit(version=9, clock=100, offsets={0: 50, 1: 7}, within={1: 3}, config_hash="x", time_ms=1)


def test_the_stream_goes_on_inside_the_record_that_was_learnt_in_part() -> None:
    assert ahead(COMMIT, {0: 50, 1: 7}) == {}
    assert resume(COMMIT, {0: 50, 1: 7}, {}, "g") == {0: Position(50), 1: Position(7, 3)}


@pytest.mark.parametrize("following", [None, 60, 61])
def test_a_group_moved_past_what_is_no_record_is_followed(following: int | None) -> None:
    assert ahead(COMMIT, {0: 60, 1: 7}) == {0: 50}
    assert resume(COMMIT, {0: 60, 1: 7}, {0: following}, "g")[0] == Position(60)


@pytest.mark.parametrize(("committed", "following"), [(49, {}), (60, {0: 55}), (60, {0: 50})])
def test_a_group_that_disagrees_with_the_model_stops_it_with_both_numbers(
    committed: int, following: dict[int, int | None]
) -> None:
    with pytest.raises(InvariantError, match=f"group g stands at offset {committed}, version 9 of the model at 50"):
        resume(COMMIT, {0: committed, 1: 7}, following, "g")


def test_a_partition_that_the_model_never_saw_stops_it() -> None:
    with pytest.raises(InvariantError, match="partition 2"):
        resume(COMMIT, {0: 50, 1: 7, 2: 0}, {}, "g")
