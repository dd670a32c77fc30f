"""The publisher on a real broker: what workers would make of its records, and what it refuses."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from client_topics import CreateTopic
from streamvq_client.errors import EventError, PublishError, TopicMissingError, UnreachableError
from streamvq_client.events import Candidate, Exposure, encode_candidate, encode_exposure
from streamvq_client.partitioner import partition_of
from streamvq_client.publisher import Publisher
from streamvq_client.snapshot import read_topic

from schemas.candidates import Deletion, decode_candidate
from schemas.exposures import decode_exposures

NOW = 1_700_000_000_000


@pytest.fixture
async def publisher(bootstrap: str, prefix: str, create_topic: CreateTopic) -> AsyncIterator[Publisher]:
    await create_topic("exposures", partitions=3)
    await create_topic("candidates", partitions=3)
    async with Publisher(bootstrap, prefix) as publisher:
        yield publisher


async def test_workers_take_what_is_published_where_they_look_for_it(
    publisher: Publisher, connection: dict[str, Any], prefix: str
) -> None:
    for number in range(20):
        event = Exposure(user_id=f"u{number}", item_id=number, timestamp=NOW, labels={"click": True}, user={"age": 3})
        await publisher.expose(event)
    later = datetime(2024, 1, 31, tzinfo=UTC)
    item = Candidate(
        item_id="ü", timestamp=later, features={"tags": ["a", "b"]}, attributes={"deep": {"er": [1, None]}}
    )
    first = await publisher.put(item)
    await publisher.delete("ü")
    await publisher.flush()
    assert publisher.pending_bytes == 0
    exposures = [record async for record in read_topic(connection, f"{prefix}-exposures")]
    assert {record.key for record in exposures} == {b"u%d" % number for number in range(20)}
    for record in exposures:
        assert record.key is not None
        assert record.partition == partition_of(record.key, 3)
        (taken,), refused = decode_exposures(record.value, record.key, NOW, {"click"})
        assert refused == []
        assert (taken.timestamp, taken.labels, taken.user) == (NOW, {"click": 1.0}, {"age": 3})
    put, deleted = [record async for record in read_topic(connection, f"{prefix}-candidates")]
    candidate = decode_candidate(put.key, put.value, NOW + 10**11)
    assert candidate == decode_candidate(None, encode_candidate(item).value, NOW + 10**11)
    assert not isinstance(candidate, Deletion)
    assert candidate.attributes == item.attributes
    assert decode_candidate(deleted.key, deleted.value, NOW) == Deletion("ü")
    placed = await first
    assert (placed.topic, placed.partition, placed.offset) == (f"{prefix}-candidates", put.partition, put.offset)


GOOD: dict[str, Any] = {"user_id": "u", "item_id": "i", "timestamp": NOW}
BAD_EXPOSURES: list[tuple[dict[str, Any], str]] = [
    ({"user_id": ""}, "user_id has 0 bytes"),
    ({"item_id": "x" * 257}, "item_id has 257 bytes"),
    ({"item_id": 1.5}, "give a text or a whole number"),
    ({"item_id": "\ud800"}, "UTF-8 cannot write"),
    ({"timestamp": 1_700_000_000}, "multiply by 1000"),
    ({"timestamp": NOW / 1}, "milliseconds since 1970"),
    ({"timestamp": time.time_ns() // 10**6 + 10**9}, "tomorrow"),
    ({"timestamp": datetime(2024, 1, 1)}, "no time zone"),  # noqa: DTZ001 - what is refused
    ({"labels": {"click": math.nan}}, r"`\$.labels"),
    ({"labels": {"click": "yes"}}, r"`\$.labels"),
    ({"user": {"age": {"years": 3}}}, r"`\$.user"),
    ({"context": {"text": "x" * 1025}}, r"`\$.context"),
]
BAD_ATTRIBUTES: list[tuple[Any, str]] = [
    (math.inf, "no such number"),
    (2**64, "64 bits"),
    (datetime.now(UTC), "a datetime: write it as text"),
    ([[[[[[[[[1]]]]]]]]], "deeper than 8"),
    (list(range(5000)), "more than 4096"),
    ("x" * 2**20, "1048576 are allowed"),
    ("\ud800", "cannot be written as JSON"),
]


@pytest.mark.parametrize(("changed", "said"), BAD_EXPOSURES)
def test_what_would_be_a_dead_letter_is_refused_with_what_to_do(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(EventError, match=said):
        encode_exposure(Exposure(**(GOOD | changed)))


@pytest.mark.parametrize(("value", "said"), BAD_ATTRIBUTES)
def test_attributes_that_json_cannot_hold(value: Any, said: str) -> None:
    with pytest.raises(EventError, match=said):
        encode_candidate(Candidate(item_id="i", attributes={"some": value}))


async def test_a_record_that_kafka_refuses_is_told_of_and_the_next_ones_arrive(
    bootstrap: str, prefix: str, create_topic: CreateTopic, connection: dict[str, Any]
) -> None:
    await create_topic("exposures")
    topic = await create_topic("candidates", partitions=1, max_message_bytes="1000")
    async with Publisher(bootstrap, prefix) as publisher:
        large = await publisher.send("candidates", b"large", b"x" * 2000)
        with pytest.raises(PublishError, match="refused a record"):
            await large
        with pytest.raises(EventError, match="allowed"):
            await publisher.send("candidates", b"larger", b"x" * 2**20)
        with pytest.raises(PublishError):
            await publisher.flush()
        for number in range(5):
            await publisher.send("candidates", b"%d" % number, b"x")
        await publisher.flush()
    keys = [record.key async for record in read_topic(connection, topic)]
    assert keys == [b"%d" % number for number in range(5)]


async def test_a_failure_that_nobody_looked_at_ends_the_block_unless_something_else_does(
    bootstrap: str, prefix: str, create_topic: CreateTopic
) -> None:
    await create_topic("exposures")
    await create_topic("candidates", max_message_bytes="1000")

    async def publish(divisor: int) -> None:
        async with Publisher(bootstrap, prefix) as publisher:
            await publisher.send("candidates", b"large", b"x" * 2000)
            _ = 1 / divisor

    with pytest.raises(PublishError):
        await publish(1)
    with pytest.raises(ZeroDivisionError):
        await publish(0)


async def test_a_receipt_that_is_given_up_takes_nothing_with_it(publisher: Publisher) -> None:
    receipt = await publisher.delete("i")
    receipt.cancel()
    await publisher.flush()
    assert (await (await publisher.delete("i"))).offset == 1


async def test_topics_that_do_not_exist(bootstrap: str, prefix: str) -> None:
    with pytest.raises(TopicMissingError, match=f"{prefix}-candidates, {prefix}-exposures"):
        await Publisher(bootstrap, prefix).start()


async def test_a_broker_that_does_not_answer() -> None:
    publisher = Publisher("127.0.0.1:1", timeout_s=0.5)
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1 did not answer"):
        await publisher.start()
    await asyncio.wait_for(publisher.stop(), 10)
