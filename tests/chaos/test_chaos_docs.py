"""The page says what there is: every kind of fault, every check, every figure of the report."""

import re
from pathlib import Path

import pytest

from infra import cli
from infra.chaos.checks import CHECKS
from infra.chaos.faults import FAULTS

PAGE = (Path(__file__).parents[2] / "docs" / "chaos.md").read_text()


def rows(heading: str) -> dict[str, str]:
    """First column -> the rest, of the table below a heading."""
    (section,) = re.findall(rf"^## {heading}$(.*?)^(?:## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    return dict(re.findall(r"^\| `(\S+)` \| (.*) \|$", section, re.MULTILINE))


def test_the_page_lists_every_fault_and_whom_it_hits() -> None:
    listed = rows("The faults")
    assert listed == {kind: f"{', '.join(fault.targets)} | {fault.about}" for kind, fault in FAULTS.items()}


def test_the_page_lists_every_check() -> None:
    assert list(rows("The checks")) == [check.__name__ for check in CHECKS]


def test_the_command_lists_every_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["chaos", "--list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == list(FAULTS)


def test_a_fault_that_does_not_exist_is_refused_before_anything_starts(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["chaos", "--faults", "kill,flood"]) == 2
    assert "no fault flood" in capsys.readouterr().err
