"""Columns are made in pieces while the stream goes on, and hold what one made at the end would."""

import asyncio

import pytest
from streamvq_client.rows import ItemRow

from schemas.http import Query
from schemas.workers import ServerSettings
from serving import attributes
from serving.attributes import Attributes, value_of
from serving.desk import Desk
from serving.metrics import Metrics
from serving.problems import ProblemError
from serving.state import Observer
from tests.serving.test_retrieve import Filled


def test_a_column_that_is_made_while_items_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attributes, "SLICE", 10)
    published: list[ItemRow | None] = []
    held = Attributes(published)

    def put(slot: int, row: ItemRow | None) -> None:
        if slot == len(published):
            published.append(None)
            if slot and not slot & (slot - 1):
                held.grow(2 * slot)
        before, published[slot] = published[slot], row
        held.changed(slot, before, row)

    for slot in range(60):
        put(slot, ItemRow({"a": slot % 7}, {}, 0))
    one, other = held.making("a"), held.making("a")
    for step, maker in enumerate([one, other, one, other, other]):
        assert next(maker) == 10
        put(step, ItemRow({"a": 100 + step}, {}, 0))  # read already
        put(59 - step, ItemRow({}, {"a": -step}, 0))  # not read yet
        put(30 + step, None)
        put(60 + step, ItemRow({"a": 7}, {}, 0))  # was not there at the beginning
    column = held.column("a")
    assert column is not None
    assert list(one) == []
    for slot, row in enumerate(published):
        value = value_of(row, "a")
        assert column.keys(slot) == (() if value is None else (value,))
    assert held.names["a"] == sum(value_of(row, "a") is not None for row in published)


def test_the_column_unused_longest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attributes, "MOST_COLUMNS", 2)
    published: list[ItemRow | None] = [ItemRow({}, {"a": 1, "b": 2, "c": 3, "none": None, "empty": []}, 0)]
    held = Attributes(published)
    held.changed(0, None, published[0])
    assert dict(held.names) == {"a": 1, "b": 1, "c": 1}
    first = held.column("a")
    held.column("b")
    assert held.column("a") is first
    held.column("c")
    assert held.column("a") is first, "b was unused longest"
    assert held.column("none") is None
    assert held.column("no such") is None
    assert len(held._columns) == 2


async def test_others_are_answered_while_a_column_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attributes, "SLICE", 10)
    filled = Filled(steps=6)
    metrics = Metrics(Observer(filled.replica, lambda: None))  # type: ignore[arg-type, return-value]  # nobody asks
    desk = Desk(filled.replica, ServerSettings(), metrics)
    order: list[str] = []

    async def ask(name: str, **question: object) -> None:
        await desk.answer([Query.model_validate(question)])
        order.append(name)

    filtered = {"attribute": "genre", "eq": "g1"}
    await asyncio.gather(
        ask("filtered", filter=filtered), ask("quota", quotas=[{"most": 1, "attribute": "price"}]), ask("plain")
    )
    assert order[0] == "plain"
    assert sorted(order) == ["filtered", "plain", "quota"]
    await asyncio.gather(ask("again", filter=filtered), ask("last"))
    assert order[-2:] == ["again", "last"], "now there is a column"


async def test_a_column_that_takes_too_long_is_gone_on_with_by_the_next_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attributes, "SLICE", 1)
    filled = Filled(steps=6)
    metrics = Metrics(Observer(filled.replica, lambda: None))  # type: ignore[arg-type, return-value]  # nobody asks
    desk = Desk(filled.replica, ServerSettings(request_deadline_ms=1), metrics)
    query = Query.model_validate({"filter": {"attribute": "genre", "exists": True}, "k": 5})
    refused = list[str]()
    for _ in range(1000):
        try:
            [answer] = await desk.answer([query])
            break
        except ProblemError as error:
            refused.append(error.problem.code)
    assert set(refused) <= {"too_slow"}
    assert answer.returned == 5
    assert answer.matching == 300
