"""Records become elements in order, the bad ones with their dead letter, and a restart skips what was learnt."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from streamvq_client.changelog import Record as ChangelogRecord
from streamvq_client.rows import ItemRow, encode

from agents.exposures import ExposureDecoder
from agents.item_features import apply
from agents.micro_batch import Element, Position
from pipeline.catalogue import Catalogue
from pipeline.eligibility import Between, Eligibility
from schemas.dead_letters import decode_dead_letter
from schemas.errors import InvariantError
from schemas.events import Exposure
from tables.transaction import Record

NOW = 1_700_000_000


@dataclass
class Message:
    value: bytes | None
    offset: int = 5
    key: bytes | None = b"u"
    partition: int = 1
    topic: str = "exposures"
    generation_id: int = 1
    timestamp: float = float(NOW)
    headers: tuple[tuple[str, bytes], ...] = ()


def event(item: str, **more: object) -> dict[str, object]:
    return {"item_id": item, "timestamp": NOW * 1000, **more}


def message(*events: object) -> Message:
    return Message(json.dumps(events).encode())


def shown(elements: list[Element[Exposure, Record]]) -> list[str]:
    """Items, and the reasons of those that are none."""
    found = []
    for exposure, refused, erased in elements:
        if erased is not None:
            found.append(f"erase {erased}")
        elif exposure is not None:
            found.append(exposure.item_id)
        elif refused is not None:
            letter = decode_dead_letter(refused.key, refused.value, refused.headers)
            assert (letter.topic, letter.partition, letter.offset) == ("exposures", 1, 5)
            found.append(letter.reason)
        else:
            found.append("nothing")
    return found


@pytest.mark.parametrize(
    ("record", "elements"),
    [
        (message(event("a"), event("b")), ["a", "b"]),
        (message(), ["nothing"]),
        (Message(None), ["erase u"]),
        (Message(None, key=b"\xff"), ["missing_id"]),
        (Message(b"{"), ["not_json"]),
        (Message(json.dumps(event("a")).encode()), ["a"]),
        (
            message(event("a"), 7, event("b", labels={"x": 1}), event("c"), event("")),
            ["a", "wrong_type", "unknown_task", "c", "missing_id"],
        ),
        (message(event("a", timestamp=NOW)), ["bad_timestamp"]),
    ],
)
def test_elements_keep_their_order(record: Message, elements: list[str]) -> None:
    begin, found = ExposureDecoder({1: Position(5)}, {"click"}).decode(record)
    assert begin == Position(5)
    assert shown(found) == elements


def test_an_event_is_judged_by_its_time_of_arrival() -> None:
    later = Message(json.dumps([event("a")]).encode(), timestamp=NOW - 2 * 86_400.0)
    _, found = ExposureDecoder({1: Position(5)}, {"click"}).decode(later)
    assert shown(found) == ["bad_timestamp"]


def test_a_restart_skips_what_was_learnt_of_the_first_record_only() -> None:
    decoder = ExposureDecoder({1: Position(5, 2)}, {"click"})
    begin, found = decoder.decode(message(event("a"), 7, event("b"), event("c")))
    assert begin == Position(5, 2)
    assert shown(found) == ["b", "c"]
    begin, found = decoder.decode(message(event("a")))
    assert (begin, shown(found)) == (Position(5), ["a"])


@pytest.mark.parametrize("record", [Message(b"[]", offset=6), message(event("a"), event("b"))])
def test_another_record_in_its_place_stops_the_trainer(record: Message) -> None:
    with pytest.raises(InvariantError, match="learnt 2 elements of record 5"):
        ExposureDecoder({1: Position(5, 2)}, {"click"}).decode(record)


def test_the_catalogue_follows_the_items() -> None:
    def record(item: str, row: ItemRow | None) -> ChangelogRecord:
        return ChangelogRecord("items", 0, 0, 0, item.encode(), encode(row) if row else None)

    catalogue = Catalogue()
    apply(catalogue, [record(item, ItemRow({"price": 1.0}, {}, 1)) for item in "abc"])
    apply(catalogue, [record("a", ItemRow({}, {}, 1, deleted=2)), record("b", None), record("d", None)])
    apply(catalogue, [record("c", ItemRow({"price": 2.0}, {}, 1))])
    assert len(catalogue) == 1
    assert catalogue.get("c") == {"price": 2.0}
    apply(catalogue, [record("dear", ItemRow({"price": 9.0}, {}, 1))], Eligibility(where={"price": Between(most=5)}))
    assert catalogue.get("dear") == {"price": 9.0}
    assert set(catalogue.sample(50, np.random.default_rng(0))) == {"c"}


def test_the_catalogue_knows_how_old_items_are() -> None:
    catalogue = Catalogue(max_age_ms=100)
    rows = [("old", 50), ("new", 150), ("again", 60), ("again", 160)]
    apply(catalogue, [ChangelogRecord("items", 0, 0, 0, name.encode(), encode(ItemRow({}, {}, t))) for name, t in rows])
    catalogue.as_of(200)
    assert set(catalogue.sample(50, np.random.default_rng(0))) == {"new", "again"}
