"""A small, sound piece of evidence, made without Kafka: what a run leaves behind when nothing went wrong."""

from collections import Counter
from typing import Any

import msgspec
from streamvq_client.partitioner import partition_of
from streamvq_client.record import Record
from streamvq_client.rows import ClusterRow, HistoryRow, ItemIndexRow, ItemRow

from infra.chaos.events import WHOLE, Sent
from infra.chaos.evidence import Evidence, Tables
from infra.chaos.ledger import Ledger
from infra.chaos.published import Folding, LetterPlace
from infra.chaos.servers import Answers
from schemas.commit import Commit
from schemas.topics import Topics

TOPICS, PARTITIONS, HISTORY = Topics("t"), 2, 2
NOW = 1_700_000_000_000
VERSION = 7


def home(name: str) -> int:
    return partition_of(name.encode(), PARTITIONS)


def exposure(user: str, item: str, time: int, click: int = 1) -> dict[str, Any]:
    return {"user_id": user, "item_id": item, "timestamp": NOW + time, "labels": {"click": click}}


def exposures(user: str, *events: dict[str, Any], poison: tuple[int, ...] = ()) -> Sent:
    return Sent(TOPICS.exposures, home(user), user.encode(), msgspec.json.encode(events), len(events), poison)


def candidate(item: str, price: float | None, partition: int | None = None) -> Sent:
    body = msgspec.json.encode({"item_id": item, "timestamp": NOW, "features": {"price": price}})
    place = home(item) if partition is None else partition
    return Sent(TOPICS.candidates, place, item.encode(), None if price is None else body)


def published_records() -> list[Sent]:
    """a (changed), b (deleted), c (at a wrong partition, then sent home); x is only exposed; user w is erased."""
    astray = candidate("c", 3.0, 1 - home("c"))
    return [
        candidate("a", 1.0),
        candidate("b", 2.0),
        candidate("a", 1.5),
        candidate("b", None),
        astray,
        astray._replace(partition=home("c")),
        Sent(TOPICS.candidates, 0, b"a", b"not json", 1, (WHOLE,)),
        exposures("u", exposure("u", "a", 3), exposure("u", "x", 1), exposure("u", "c", 2)),
        exposures("v", exposure("v", "b", 1), {"user_id": "v"}, exposure("v", "a", 2, click=0), poison=(1,)),
        Sent(TOPICS.exposures, home("u"), b"u", b"{", 1, (WHOLE,)),
        exposures("w", exposure("w", "a", 1)),
        Sent(TOPICS.exposures, home("w"), b"w", None, 0),
    ]


def sound() -> Evidence:
    """Evidence in which every check finds nothing."""
    records, ledger = published_records(), Ledger()
    offsets: Counter[tuple[str, int]] = Counter()
    folded: list[Record] = []
    for sent in records:
        place = (sent.topic, sent.partition)
        folded.append(Record(*place, offsets[place], NOW, sent.key, sent.value))
        if sent != records[5]:  # what an indexer sent home, no application
            ledger.acknowledge(sent, offsets[place], exposures=sent.topic == TOPICS.exposures)
        offsets[place] += 1
    ends = {number: offsets[TOPICS.exposures, number] for number in range(PARTITIONS)}
    commit = Commit(version=VERSION, clock=6, offsets=ends, config_hash="h", time_ms=NOW)
    folding = Folding({"click"}, PARTITIONS, HISTORY, commit)
    for record in folded:
        (folding.exposures if record.topic == TOPICS.exposures else folding.candidate)(record)
    published = folding.published()
    tables = sound_tables(commit, sorted(published.refused))
    answers = {role: sound_answers(tables) for role in ("server-0", "server-1")}
    return Evidence(TOPICS, PARTITIONS, published, ledger, tables, answers)


def sound_tables(commit: Commit, letters: list[LetterPlace]) -> Tables:
    """What must have come of it, written down by hand."""
    filed = {"a": (3, 3), "c": (4, 1), "x": (4, 1)}  # item -> cluster and exposures
    clusters: dict[tuple[int, str], ClusterRow] = {}
    for item, (cluster, count) in filed.items():
        before = clusters.get((home(item), str(cluster)), ClusterRow(0, 0, NOW))
        clusters[home(item), str(cluster)] = ClusterRow(before.items + 1, before.exposures + count, NOW)
    clusters[home("b"), "-1"] = ClusterRow(0, 1, NOW)  # an exposure of a deleted item
    return Tables(
        items={
            (home("a"), "a"): ItemRow({"price": 1.5}, {}, NOW),
            (home("b"), "b"): ItemRow({}, {}, NOW, deleted=NOW),
            (home("c"), "c"): ItemRow({"price": 3.0}, {}, NOW),
            (home("x"), "x"): ItemRow({}, {}, NOW, bare=True),
        },
        index={(home(item), item): index_row(*found) for item, found in filed.items()},
        clusters=clusters,
        histories={
            (home("u"), "u"): HistoryRow(["x", "c", "a"], [NOW + 1, NOW + 2, NOW + 3]),
            (home("v"), "v"): HistoryRow(["b"], [NOW + 1]),
        },
        letters=letters,
        commit=commit,
        offsets=dict(commit.offsets),
    )


def index_row(cluster: int, exposures: int) -> ItemIndexRow:
    return ItemIndexRow([cluster], [0.5], [1.0], exposures, VERSION, NOW, NOW)


def sound_answers(tables: Tables) -> Answers:
    """A server that holds just that."""
    totals: dict[int, tuple[int, int]] = {}
    for (_, cluster), row in tables.clusters.items():
        items, exposures = totals.get(int(cluster), (0, 0))
        totals[int(cluster)] = (items + row.items, exposures + row.exposures)
    held = {
        item: {name: getattr(row, name) for name in ("clusters", "exposures", "version", "time", "published")}
        for (_, item), row in tables.index.items()
    }
    return Answers({**held, "b": None}, totals, {"u": ["a", "c"]}, VERSION)
