"""The reference is what the code is now; everything in it is explained; other pages name nothing else."""

import doctest
import re
from pathlib import Path

import pytest
from blocks import WRITTEN, name

from infra.reference import page as markdown
from infra.reference.commands import commands
from infra.reference.endpoints import endpoints
from infra.reference.errors import client_errors, process_errors
from infra.reference.metrics import LABELS, metrics
from infra.reference.pages import PAGES, pages
from infra.reference.problems import problems
from infra.reference.registries import registries
from infra.reference.settings import sections
from schemas.settings import Settings
from serving.app import Server

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
FIGURES = {"svq_events_per_s", "svq_to_exact", "svq_to_popularity"}
"""In the output of commands; no metrics."""
REMEDY = "run `make reference` and commit what it writes"


@pytest.fixture(scope="module")
def current() -> dict[str, str]:
    return pages()


@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_current(page: str, current: dict[str, str]) -> None:
    assert (FOLDER / page).read_text() == current[page], REMEDY


def test_examples_in_docstrings() -> None:
    assert doctest.testmod(markdown).failed == 0


def test_nothing_is_taken_for_html(current: dict[str, str]) -> None:
    for file, text in current.items():
        outside = re.sub(r"`[^`\n]*`", "", text.replace(markdown.NOTE, ""))
        assert not re.findall(r"<[a-z/!]", outside), file


def test_there_are_no_other_pages() -> None:
    assert {path.name for path in FOLDER.iterdir()} == PAGES.keys()


def test_every_command_and_option_is_explained() -> None:
    for words, command in commands():
        assert command.help, words
        for parameter in command.params:
            assert parameter.help, (words, parameter.name)


def test_every_setting_is_explained() -> None:
    for path, section in sections():
        assert section.__doc__
        for field, about in section.model_fields.items():
            below = (*path, field) in {other[: len(path) + 1] for other, _ in sections()}
            assert about.description or below, (*path, field)


def test_every_endpoint_and_field_of_a_request_is_explained() -> None:
    document = Server(Settings()).app.openapi()
    for method, path, operation in endpoints(document):
        assert operation.get("description"), (method, path)
    for body, schema in document["components"]["schemas"].items():
        assert schema.get("description") or body in {"HTTPValidationError", "ValidationError"}, body
    asked = document["components"]["schemas"]["Query"]["properties"]
    assert all(field.get("description") for field in asked.values())


def test_every_metric_is_explained_and_named_as_prometheus_wants_it() -> None:
    for role in registries():
        for metric in metrics(role):
            assert metric.text, metric.name
            assert re.fullmatch(r"(svq|process|python)_[a-z_]+", metric.name)
            assert not metric.name.endswith(("_ms", "_bytes_total_total", "_minutes", "_mb"))
            assert set(metric.labels) <= LABELS.keys()
            assert metric.labels.count("id") == 0
            if metric.kind == "histogram":
                assert metric.name.endswith(("_seconds", "_bytes", "_items", "_records"))


def test_no_label_is_explained_that_is_not_there() -> None:
    assert LABELS.keys() == {label for role in registries() for metric in metrics(role) for label in metric.labels}


def test_every_error_is_explained() -> None:
    for kind in (*process_errors(), *client_errors()):
        assert kind.__doc__
    for problem in problems():
        assert re.fullmatch(r"\d{3}|other", problem.status), problem
        assert problem.remedy, problem


def test_a_problem_of_every_way_to_raise_one_is_found() -> None:
    found = {problem.code: problem.status for problem in problems()}
    assert found["not_ready"] == "503", "ProblemError"
    assert found["overloaded"] == "503", "problem()"
    assert found["unknown_task"] == "422", "QueryError"
    assert found["no_such_path"] == "404", "a table of codes"


@pytest.mark.parametrize("page", WRITTEN, ids=map(name, WRITTEN))
def test_pages_name_what_exists(page: Path) -> None:
    text = page.read_text()
    known = FIGURES | {metric.name for role in registries() for metric in metrics(role)}
    for metric in re.findall(r"`(svq_[a-z_]+)", text):
        assert metric in known or re.sub(r"_(bucket|sum|count)$", "", metric) in known, f"no metric {metric}"
    verbs = {" ".join(words) for words, _ in commands()}
    groups = {words[0] for words, command in commands() if hasattr(command, "commands")}
    for first, second in re.findall(r"`svq ([a-z][a-z-]+)(?: ([a-z][a-z-]+))?", text):
        assert first in verbs, f"no command svq {first}"
        assert first not in groups or not second or f"{first} {second}" in verbs, f"no command svq {first} {second}"
    settings = {".".join((*path, field)) for path, section in sections() for field in section.model_fields}
    for setting in re.findall(
        r"`((?:kafka|broker|trainer|indexer|server|publishing|security|logs|model)\.[a-z][a-z_]+)`", text
    ):
        assert setting in settings, f"no setting {setting}"
