"""What a change of settings needs is known for every setting there is, and the page says the same."""

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from pipeline.config import Feature, ModelConfig, Task
from pipeline.reconfiguration import EFFECT_OF_SETTING, MEANING, Change, Effect, changes_between

PAGE = Path(__file__).parents[2] / "docs" / "changing.md"
CLICK, COLOUR = Task("click"), Feature("colour", "item", "categorical")
CONFIG = ModelConfig(tasks=(CLICK,), features=(COLOUR,))


def test_every_setting_of_the_model_has_an_effect() -> None:
    assert EFFECT_OF_SETTING.keys() == {entry.name for entry in fields(ModelConfig)} - {"tasks", "features", "version"}
    assert MEANING.keys() == set(Effect)


def test_the_page_names_the_effect_of_every_setting() -> None:
    table = PAGE.read_text().split("| what changes |")[1].split("\n\n")[0]
    said = {
        name: Effect(effect)
        for names, effect in re.findall(r"^\| (.*?) \| (\w+) \|", table, re.MULTILINE)
        for name in re.findall(r"`model\.(\w+)`", names)
    }
    assert said == EFFECT_OF_SETTING


@pytest.mark.parametrize(
    ("changed", "setting", "effect"),
    [
        (replace(CONFIG, tau=0.1), "model.tau", Effect.SAFE),
        (replace(CONFIG, codes=64), "model.codes", Effect.EPOCH),
        (replace(CONFIG, ranker="attention"), "model.ranker", Effect.RESET),
        (replace(CONFIG, tasks=(Task("like"), CLICK)), "tasks.like", Effect.KEPT),
        (replace(CONFIG, tasks=(replace(CLICK, weight=2.0),)), "tasks.click.weight", Effect.SAFE),
        (replace(CONFIG, tasks=(replace(CLICK, kind="value"),)), "tasks.click.kind", Effect.SAFE),
        (replace(CONFIG, features=()), "features.item.colour", Effect.RESET),
        (replace(CONFIG, features=(replace(COLOUR, dim=4),)), "features.item.colour", Effect.RESET),
        (replace(CONFIG, features=(replace(COLOUR, kind="numeric"),)), "features.item.colour", Effect.RESET),
        (replace(CONFIG, features=(replace(COLOUR, kind="multi"),)), "features.item.colour.kind", Effect.SAFE),
        (replace(CONFIG, features=(replace(COLOUR, max_values=3),)), "features.item.colour.max_values", Effect.SAFE),
        (
            replace(CONFIG, features=(Feature("age", "user", "numeric"), COLOUR)),
            "features.user.age",
            Effect.KEPT,
        ),
    ],
)
def test_one_change_is_one_line_with_what_it_needs(changed: ModelConfig, setting: str, effect: Effect) -> None:
    found = changes_between(CONFIG, changed)
    assert [(change.setting, change.effect) for change in found] == [(setting, effect)]
    assert (found[0].lost == "nothing") == (effect in {Effect.SAFE, Effect.KEPT})
    [back] = changes_between(changed, CONFIG)
    assert isinstance(back, Change)
    assert (back.before, back.after) == (found[0].after, found[0].before)


def test_nothing_changes_by_another_order() -> None:
    two = replace(CONFIG, tasks=(CLICK, Task("like")), features=(COLOUR, Feature("age", "user", "numeric")))
    assert changes_between(two, replace(two, tasks=two.tasks[::-1], features=two.features[::-1])) == []
