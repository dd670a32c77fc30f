"""What can be written behind --set."""

from typing import Any

import pytest

from infra.model_settings import with_settings
from pipeline.config import ModelConfig, Task
from schemas.errors import SettingsError

DEFAULTS = ModelConfig(tasks=(Task("any"),)).to_dict()


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        ("batch=128", "batch", 128),
        ("tau=1", "tau", 1),
        ("alpha=0.9", "alpha", 0.9),
        ("alpha=null", "alpha", None),
        ("log_q=false", "log_q", False),
        ("codes=64", "codes", 64),
        ("codes=auto", "codes", "auto"),
        ("ranker=attention", "ranker", "attention"),
        ("half_lives=[100,200]", "half_lives", [100, 200]),
    ],
)
def test_a_value_takes_the_place_of_the_default(given: str, name: str, value: Any) -> None:
    values = with_settings(DEFAULTS, [given])
    assert values == DEFAULTS | {name: value}
    ModelConfig.from_dict(values)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("batch", "expected name=value"),
        ("batch=abc", "batch is a whole number, such as 1024"),
        ("batch=1.5", "batch is a whole number"),
        ("tau=warm", "tau is a number, such as 0.3"),
        ("alpha=slow", "alpha is a number, or null"),
        ("log_q=1", "log_q is true or false, such as true"),
        ("codes=many", "codes is auto or a whole number"),
        ("half_lives=100", "half_lives is"),
        ("bacth=128", "unknown setting bacth\nIs it batch?"),
        ("tasks=click", "unknown setting tasks"),
    ],
)
def test_what_makes_no_sense_is_said(given: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        with_settings(DEFAULTS, [given])
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"--set {given}: ")
