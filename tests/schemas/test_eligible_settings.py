"""What may be retrieved, as people write it."""

from pathlib import Path

import pytest

from pipeline.eligibility import EVERYTHING, Between, Eligibility
from schemas.errors import SettingsError
from schemas.settings import Settings, load_settings


def read(folder: Path, text: str) -> Eligibility:
    file = folder / "svq.toml"
    file.write_text(text)
    return load_settings(file).eligible.rule()


def test_everything_unless_told_otherwise() -> None:
    assert Settings().eligible.rule() == EVERYTHING


def test_a_rule(tmp_path: Path) -> None:
    rule = read(
        tmp_path,
        """
        [eligible]
        max_age_days = 1.5
        where = {in_stock = true, land = ["DE", "FR"], price = {max = 20}, year = 1999}
        """,
    )
    assert rule == Eligibility(
        129_600_000, {"in_stock": (True,), "land": ("DE", "FR"), "price": Between(None, 20), "year": (1999,)}
    )


def test_a_rule_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SVQ_ELIGIBLE__MAX_AGE_DAYS", "2")
    monkeypatch.setenv("SVQ_ELIGIBLE__WHERE", '{"in_stock": true}')
    assert read(tmp_path, "") == Eligibility(172_800_000, {"in_stock": (True,)})


@pytest.mark.parametrize(
    "text",
    [
        "max_age_days = 0",
        "max_age_days = inf",
        "max_age_days = nan",
        "where = {price = {least = 2}}",
        "where = {price = {max = nan}}",
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="eligible"):
        read(tmp_path, f"[eligible]\n{text}")
