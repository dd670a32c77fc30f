"""docs/running.md says what the code does: every error and its code, every limit and its default, every metric."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from agents.worker_metrics import WorkerMetrics
from infra.supervised import FINAL
from schemas.errors import StreamVQError
from schemas.workers import IndexerSettings, ServerSettings, TrainerSettings
from tables.pulse import Pulses
from tables.stopping import STOP_DEADLINE_S
from tables.watch import LAST_RESORT_S

PAGE = (Path(__file__).parents[2] / "docs" / "running.md").read_text()
ERRORS = ("schemas.errors", "tables.errors", "serving.errors")


def rows(title: str) -> list[list[str]]:
    """Cells of the table below a title."""
    section = PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def tree() -> Iterator[type[StreamVQError]]:
    """Every error that ends a process."""
    for name in ERRORS:
        for found in vars(importlib.import_module(name)).values():
            if isinstance(found, type) and issubclass(found, StreamVQError) and found.__module__ == name:
                yield found


@pytest.mark.parametrize("error", list(tree()), ids=lambda error: error.__name__)
def test_every_error_stands_beside_its_code(error: type[StreamVQError]) -> None:
    ((code, names, _, again),) = [row for row in rows("Exit codes") if f"`{error.__name__}`" in row[1]]
    assert int(code) == error.exit_code
    assert again.startswith("mends nothing") != error.retriable
    assert (error.exit_code in FINAL) != error.retriable
    assert names


def test_no_code_is_invented() -> None:
    assert {int(row[0]) for row in rows("Exit codes")} - {0, 130} == {error.exit_code for error in tree()}
    supervisors = " ".join(" ".join(row) for row in rows("Who starts it again"))
    assert f"RestartPreventExitStatus={' '.join(map(str, sorted(FINAL)))}" in supervisors


def test_every_limit_is_a_setting_with_this_default() -> None:
    named = re.findall(r"`(\w+_s)`[^|]*?, (\d+) s\b", PAGE)
    assert {name for name, _ in named} >= {
        "loop_deadline_s",
        "step_deadline_s",
        "stall_deadline_s",
        "restore_deadline_s",
        "transaction_timeout_s",
        "session_timeout_s",
    }
    for name, value in named:
        kinds = [kind for kind in (TrainerSettings, IndexerSettings, ServerSettings) if name in kind.model_fields]
        assert kinds
        for kind in kinds:
            assert kind.model_fields[name].default == float(value), name
            assert kind.model_fields[name].description
    assert f"| being told to stop | {STOP_DEADLINE_S:g} s |" in PAGE
    assert LAST_RESORT_S == 120, "two minutes"


def test_every_metric_of_a_worker_is_explained() -> None:
    registry, pulses = CollectorRegistry(), Pulses()
    WorkerMetrics(registry)
    pulses.add("anything", 1.0)
    registry.register(pulses)
    for family in registry.collect():
        assert f"`{family.name}" in PAGE, family.name
