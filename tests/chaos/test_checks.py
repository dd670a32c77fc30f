"""Every check finds nothing in sound evidence, and finds what it is there for once that is broken."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from small_world import NOW, TOPICS, VERSION, candidate, home, index_row, sound
from streamvq_client.rows import ClusterRow, HistoryRow, ItemRow

from infra.chaos.checks import CHECKS, counted_exposures, findings
from infra.chaos.evidence import Evidence
from infra.chaos.ledger import mark

Break = Callable[[Evidence], Evidence]


def tables(**changes: Callable[[Any], Any]) -> Break:
    """Change tables: name -> function of what is there."""

    def broken(evidence: Evidence) -> Evidence:
        changed = {name: change(getattr(evidence.tables, name)) for name, change in changes.items()}
        return replace(evidence, tables=replace(evidence.tables, **changed))

    return broken


def published(**changes: Callable[[Any], Any]) -> Break:
    def broken(evidence: Evidence) -> Evidence:
        changed = {name: change(getattr(evidence.published, name)) for name, change in changes.items()}
        return replace(evidence, published=replace(evidence.published, **changed))

    return broken


def row(name: str, key: str, value: object) -> Break:
    return tables(**{name: lambda rows: {**rows, (home(key), key): value}})


def without(name: str, key: str) -> Break:
    return tables(**{name: lambda rows: {place: value for place, value in rows.items() if place[1] != key}})


def cluster(items: int, exposures: int) -> Break:
    """The row of the cluster of item a."""
    return tables(clusters=lambda rows: {**rows, (home("a"), "3"): ClusterRow(items, exposures, NOW)})


def answer(role: str, **changes: Any) -> Break:
    def broken(evidence: Evidence) -> Evidence:
        changed = replace(evidence.answers[role], **changes)
        return replace(evidence, answers={**evidence.answers, role: changed})

    return broken


def forget_acknowledged(evidence: Evidence) -> Evidence:
    """The first record of candidates is gone."""
    place = (TOPICS.candidates, home("a"))
    left = dict(evidence.published.marks[place])
    del left[min(left)]
    return published(marks=lambda marks: {**marks, place: left})(evidence)


def written_twice(evidence: Evidence) -> Evidence:
    """A record that nobody was told of."""
    place = (TOPICS.candidates, home("a"))
    more = {**evidence.published.marks[place], 99: mark(home("a"), b"a", candidate("a", 1.0).value)}
    return published(marks=lambda marks: {**marks, place: more})(evidence)


BROKEN: list[tuple[str, str, Break]] = [
    ("acknowledged_is_there", "lost", forget_acknowledged),
    ("acknowledged_is_there", "duplicates", written_twice),
    ("acknowledged_is_there", "lost", published(sent_home=lambda _: Counter({1: 1}))),
    ("counted_by_the_trainer", "lost", published(learnt=lambda n: n - 1)),
    ("counted_by_the_trainer", "duplicates", tables(commit=lambda c: msgspec.structs.replace(c, clock=7))),
    ("counted_in_clusters", "lost", cluster(1, 2)),
    ("counted_in_clusters", "duplicates", cluster(1, 4)),
    ("counted_by_item", "lost", row("index", "a", index_row(3, 1))),
    ("counted_by_item", "duplicates", row("index", "x", index_row(4, 2))),
    ("rows_are_the_last_write", "disagreements", row("items", "a", ItemRow({"price": 1.0}, {}, NOW))),
    ("rows_are_the_last_write", "disagreements", row("items", "b", ItemRow({"price": 2.0}, {}, NOW))),
    ("rows_are_the_last_write", "disagreements", without("items", "x")),
    ("rows_are_the_last_write", "disagreements", row("items", "y", ItemRow({}, {}, NOW, bare=True))),
    ("each_row_once_at_home", "disagreements", without("index", "c")),
    ("each_row_once_at_home", "disagreements", row("index", "b", index_row(3, 0))),
    (
        "each_row_once_at_home",
        "disagreements",
        tables(histories=lambda rows: {**rows, (1 - home("w"), "w"): HistoryRow([], [])}),
    ),
    ("clusters_add_up", "disagreements", cluster(2, 3)),
    ("clusters_add_up", "disagreements", row("index", "c", index_row(3, 1))),
    ("one_cut", "disagreements", tables(offsets=lambda offsets: {**offsets, 0: offsets[0] - 1})),
    ("histories_follow", "disagreements", row("histories", "v", HistoryRow(["b", "b"], [NOW + 1, NOW + 1]))),
    ("histories_follow", "disagreements", without("histories", "u")),
    ("histories_follow", "disagreements", row("histories", "w", HistoryRow(["a"], [NOW + 1]))),
    ("dead_letters_once", "lost", tables(letters=lambda letters: letters[1:])),
    ("dead_letters_once", "duplicates", tables(letters=lambda letters: [*letters, letters[0]])),
    ("dead_letters_once", "disagreements", tables(letters=lambda letters: [*letters, (TOPICS.exposures, 0, 0, 0)])),
    ("servers_agree", "disagreements", answer("server-1", items={"a": None})),
    ("servers_agree", "disagreements", answer("server-0", clusters={3: (1, 1)})),
    ("servers_agree", "disagreements", answer("server-0", retrieved={"u": ["b"]})),
    ("servers_agree", "disagreements", answer("server-1", retrieved={"u": ["c", "a"]})),
    ("servers_agree", "disagreements", answer("server-1", version=VERSION - 1)),
    ("servers_agree", "stuck", answer("server-1", unanswered=["a: status 503"])),
    ("nothing_stands_still", "stuck", lambda evidence: replace(evidence, still=["t-exposures[0] of t-trainer"])),
    ("no_orphans", "stuck", lambda evidence: replace(evidence, orphans=["trainer-0 (pid 1)"])),
]


def test_sound_evidence_is_found_sound() -> None:
    evidence = sound()
    assert [str(finding) for finding in findings(evidence)] == []
    assert counted_exposures(evidence) == evidence.published.events == 8


@pytest.mark.parametrize(("check", "harm", "broken"), BROKEN)
def test_a_check_finds_what_it_is_there_for(check: str, harm: str, broken: Break) -> None:
    found = findings(broken(sound()))
    assert (check, harm) in {(finding.check, finding.harm) for finding in found}, found
    assert all(finding.count > 0 and finding.what for finding in found)


def test_every_check_is_shown_to_fail() -> None:
    assert {check for check, _, _ in BROKEN} == {check.__name__ for check in CHECKS}


def test_what_is_in_doubt_may_be_there_or_not() -> None:
    evidence = written_twice(sound())
    evidence.ledger.doubt([candidate("a", 1.0), candidate("a", 9.0)])
    assert findings(evidence) == []
