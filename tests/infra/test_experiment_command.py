"""The experiment command, without the long part."""

import json
from pathlib import Path

import pytest

from infra import cli


def test_every_experiment_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    from benchmarks.experiments.catalogue import EXPERIMENTS

    assert cli.run(["experiment", "list"]) == 0
    listed = capsys.readouterr().out
    for name, experiment in EXPERIMENTS.items():
        assert f"{name}: {experiment.title}" in listed


def test_a_run_prints_its_table_and_stores_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["experiment", "run", "same-user-mask", "--stream", "drift", "--rows", "3000", "--sample", "4"]
    assert cli.run([*arguments, "--seeds", "1", "--out", str(tmp_path)]) == 0
    assert "| same_user_mask = False |" in capsys.readouterr().out
    stored = json.loads((tmp_path / "same-user-mask.json").read_text())
    assert [row["variant"] for row in stored["rows"]] == ["same_user_mask = True", "same_user_mask = False"]
    assert stored["head"] == 3000


def test_nothing_named_or_something_unknown_is_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["experiment", "run"]) == 2
    assert cli.run(["experiment", "run", "alchemy"]) == 2
    assert "alchemy" in capsys.readouterr().err
