"""`svq table` and `svq dead-letters` against real topics."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping

import pytest
from aiokafka import AIOKafkaProducer
from streamvq_client.partitioner import partition_of
from streamvq_client.rows import ClusterRow, HistoryRow, ItemIndexRow, ItemRow, Row, encode
from streamvq_client.tables import TABLES

from schemas.dead_letters import DeadLetter, encode_dead_letter
from schemas.errors import InvariantError, TopicsError
from schemas.settings import Settings
from tests.infra.command_line import Command

NOON = 1_700_000_000_000
ITEMS = {
    "i1": ItemRow({"category": ["a"]}, {"title": "…"}, NOON),
    "i2/ü": ItemRow({}, {}, NOON, bare=True),
    "i3": ItemRow({}, {}, NOON, deleted=NOON + 1),
}
INDEX = {"i1": ItemIndexRow([3], [0.25], [1.5], 7, 1 << 60, NOON, NOON)}
HISTORIES = {"u1": HistoryRow(["i1"], [NOON])}
SHARES = [
    {"3": ClusterRow(1, 7, NOON), "-1": ClusterRow(2, 0, NOON)},
    {"3": ClusterRow(4, 1, NOON + 5), "20": ClusterRow(1, 1, NOON)},
]


@pytest.fixture
async def producer(settings_with_topics: Settings) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(bootstrap_servers=settings_with_topics.kafka.bootstrap_servers) as started:
        yield started


async def publish(
    producer: AIOKafkaProducer, topic: str, rows: Mapping[str, Row], partition: int | None = None
) -> None:
    for key, row in rows.items():
        home = partition_of(key.encode(), 2) if partition is None else partition
        await producer.send_and_wait(topic, encode(row), key=key.encode(), partition=home)


@pytest.fixture
async def tables(settings_with_topics: Settings, producer: AIOKafkaProducer) -> None:
    prefix = settings_with_topics.kafka.prefix
    await publish(producer, TABLES["items"].topic(prefix), ITEMS)
    await publish(producer, TABLES["item_index"].topic(prefix), INDEX)
    await publish(producer, TABLES["histories"].topic(prefix), HISTORIES)
    for partition, shares in enumerate(SHARES):
        await publish(producer, TABLES["clusters"].topic(prefix), shares, partition)


@pytest.mark.usefixtures("tables")
async def test_one_row(svq: Command) -> None:
    row = await svq.json("table", "get", "item_index", "i1")
    assert row == {
        "key": "i1",
        "partition": partition_of(b"i1", 2),
        "row": {
            "clusters": [3],
            "bias": [0.25],
            "popularity": [1.5],
            "exposures": 7,
            "version": 1 << 60,
            "time": NOON,
            "published": NOON,
        },
    }
    assert (await svq.json("table", "get", "histories", "u1"))["row"] == {"items": ["i1"], "times": [NOON]}
    assert (await svq.json("table", "get", "items", "i2/ü"))["row"]["bare"] is True
    text = (await svq("table", "get", "items", "i1")).stdout
    assert text.startswith("i1\tpartition=")
    assert '\tfeatures={"category":["a"]}\tattributes={"title":"…"}\tpublished=2023-11-14T22:13:20.000+00:00' in text


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize(
    ("table", "key"), [("item_index", "i2/ü"), ("items", "i"), ("clusters", "2"), ("histories", "")]
)
async def test_a_row_that_is_not_there(svq: Command, table: str, key: str) -> None:
    result = await svq("table", "get", table, key)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"{table} has no row {key!r}\n")


@pytest.mark.usefixtures("tables")
async def test_the_shares_of_a_cluster_are_added_up(svq: Command) -> None:
    rows = await svq.json("table", "scan", "clusters")
    assert [(row["key"], row["row"]["items"], row["row"]["exposures"]) for row in rows] == [
        ("-1", 2, 0),
        ("3", 5, 8),
        ("20", 1, 1),
    ]
    assert rows[1]["row"]["time"] == NOON + 5
    assert "partition" not in rows[1]
    shares = await svq.json("table", "get", "clusters", "3", "--by-partition")
    assert [(share["partition"], share["row"]["items"]) for share in shares] == [(0, 1), (1, 4)]
    assert await svq.json("table", "count", "clusters") == {"rows": 3}
    assert await svq.json("table", "count", "clusters", "--by-partition") == {
        "rows": 4,
        "partition_0": 2,
        "partition_1": 2,
    }


@pytest.mark.usefixtures("tables")
async def test_rows_in_the_order_of_their_keys(svq: Command) -> None:
    assert [row["key"] for row in await svq.json("table", "scan", "items")] == ["i1", "i2/ü", "i3"]
    assert [row["key"] for row in await svq.json("table", "scan", "items", "--prefix", "i2")] == ["i2/ü"]
    result = await svq("table", "scan", "items", "--limit", "2")
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == ["i1", "i2/ü"]
    assert result.stderr == "1 more; show them with --limit\n"
    assert await svq.json("table", "count", "items") == {"rows": 2, "deletion_marks": 1}
    assert (await svq("table", "count", "items")).stdout == "rows\t2\ndeletion_marks\t1\n"


async def test_bytes_of_another_program_are_named(
    svq: Command, settings_with_topics: Settings, producer: AIOKafkaProducer
) -> None:
    topic = settings_with_topics.topics.items_changelog
    await producer.send_and_wait(topic, b"not JSON", key=b"i9", partition=0)
    error = (await svq("table", "count", "items")).exception
    assert isinstance(error, InvariantError)
    assert f"{topic}[0] offset 0, key b'i9': not an ItemRow" in str(error)


async def test_topics_that_are_not_there(svq: Command) -> None:
    error = (await svq("table", "count", "items")).exception
    assert isinstance(error, TopicsError)
    assert "svq topics create" in str(error)


async def test_the_command_ends_with_a_message_and_the_exit_code(svq: Command, settings: Settings) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "infra.cli", "dead-letters", "list"), stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(60):
        out, said = await process.communicate()
    assert (process.returncode, out) == (TopicsError.exit_code, b"")
    assert said.decode().startswith(f"svq: no topic {settings.topics.dead_letters}")


LETTERS = [
    DeadLetter("missing_id", "no item_id", "svq-exposures", 1, 17, b"u1", b'{"user_id":1}', index=4),
    DeadLetter("not_json", "JSON is malformed", "svq-candidates", 0, 3, None, b"\xff\x00"),
    DeadLetter("not_json", "JSON is malformed", "svq-exposures", 0, 4, b"u\t2", b"x" * 1000, cut_from=2_000_000),
]


@pytest.fixture
async def letters(settings_with_topics: Settings, producer: AIOKafkaProducer) -> None:
    topic = settings_with_topics.topics.dead_letters
    for letter in LETTERS:
        key, value, headers = encode_dead_letter(letter)
        await producer.send_and_wait(topic, value, key=key, headers=headers)


@pytest.mark.usefixtures("letters")
async def test_dead_letters_with_everything_that_is_known(svq: Command) -> None:
    document = await svq.json("dead-letters", "list")
    assert (document["total"], document["reasons"], document["foreign"]) == (3, {"not_json": 2, "missing_id": 1}, 0)
    first, second, third = document["letters"]
    assert first.pop("time") > NOON
    assert first == {
        "reason": "missing_id",
        "detail": "no item_id",
        "topic": "svq-exposures",
        "partition": 1,
        "offset": 17,
        "index": 4,
        "cut_from": None,
        "place": "svq-exposures[1]@17#4",
        "replay_of": None,
        "replayed": False,
        "key": "u1",
        "value": '{"user_id":1}',
    }
    assert (second["key"], second["value_base64"]) == (None, "/wA=")
    assert (third["value"], third["cut_from"]) == ("x" * 1000, 2_000_000)


@pytest.mark.usefixtures("letters")
async def test_dead_letters_as_lines(svq: Command) -> None:
    count, *lines = (await svq("dead-letters", "list")).stdout.splitlines()
    assert count == "3 dead letters: 2 not_json, 1 missing_id"
    assert lines[0].split("\t")[1:] == ["svq-exposures[1]@17#4", "missing_id", "no item_id", "u1", '{"user_id":1}']
    assert lines[1].split("\t")[4:] == ["null", "\\xff\\x00"]
    assert lines[2].split("\t")[4:] == ["u\\t2", "x" * 200 + "… (1000 bytes)"]


@pytest.mark.usefixtures("letters")
async def test_some_dead_letters(svq: Command) -> None:
    assert (await svq.json("dead-letters", "list", "--reason", "missing_id"))["total"] == 1
    some = await svq.json("dead-letters", "list", "--topic", "svq-exposures", "--limit", "1")
    assert (some["total"], [letter["offset"] for letter in some["letters"]]) == (2, [4])


@pytest.mark.usefixtures("letters")
async def test_one_dead_letter(svq: Command) -> None:
    shown = await svq.json("dead-letters", "show", "svq-exposures[0]@4")
    assert (shown["key"], shown["cut_from"], shown["replayed"]) == ("u\t2", 2_000_000, False)
    assert shown["refused"] == "not of a topic that workers read"  # another prefix
    text = (await svq("dead-letters", "show", "svq-exposures[1]@17#4")).stdout
    assert "reason\tmissing_id\n" in text
    assert "key\tu\\t2\n" in (await svq("dead-letters", "show", "svq-exposures[0]@4")).stdout, "no terminal obeys it"
    missing = await svq("dead-letters", "show", "svq-exposures[1]@17")
    assert (missing.exit_code, missing.stderr) == (2, "there is no dead letter 'svq-exposures[1]@17'\n")


async def test_letters_are_published_again(svq: Command, settings: Settings, producer: AIOKafkaProducer) -> None:
    topics = settings.topics
    for letter in (DeadLetter("unknown_task", "", topics.exposures, 1, 17, b"u1", b"{}"), LETTERS[1]):
        key, value, headers = encode_dead_letter(letter)
        await producer.send_and_wait(topics.dead_letters, value, key=key, headers=headers)
    counted = await svq("dead-letters", "replay", "--dry-run", "--since", "2020-01-01")
    assert counted.stdout == "1 events would be published again\n1 not: not of a topic that workers read\n"
    done = {"published": 1, "before": 0, "refused": {"not of a topic that workers read": 1}, "dry_run": False}
    assert await svq.json("dead-letters", "replay") == done
    assert await svq.json("dead-letters", "replay") == done | {"published": 0, "before": 1}
    document = await svq.json("dead-letters", "list")
    assert (document["total"], document["foreign"]) == (2, 0)
    assert [letter["replayed"] for letter in document["letters"]] == [True, False]
    lines = (await svq("dead-letters", "list", "--topic", topics.exposures)).stdout.splitlines()
    assert lines[1].split("\t")[2] == "unknown_task (replayed)"


@pytest.mark.usefixtures("settings_with_topics")
async def test_no_dead_letters(svq: Command, producer: AIOKafkaProducer, settings: Settings) -> None:
    assert (await svq("dead-letters", "list")).stdout == "0 dead letters\n"
    await producer.send_and_wait(settings.topics.dead_letters, b"by another program")
    result = await svq("dead-letters", "list")
    assert result.stdout == "0 dead letters\n"
    assert "1 records are no dead letters" in result.stderr
