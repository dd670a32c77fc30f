"""Reader and publisher while their broker is away, on a broker of their own."""

import asyncio
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from streamvq_client.changelog import ChangelogReader
from streamvq_client.errors import UnreachableError
from streamvq_client.publisher import Publisher
from streamvq_client.snapshot import read_topic

from infra.broker import EmbeddedBroker

TOPIC = "table"
DEADLINE_S = 60.0


async def publish(bootstrap: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    await producer.send_and_wait(TOPIC, value, key=b"k")
    await producer.stop()


async def create(bootstrap: str, *topics: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1) for topic in topics])
    await admin.close()


@pytest.mark.timeout(300)
async def test_a_reader_says_that_the_broker_is_away_and_goes_on_when_it_is_back(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path) as broker:
        await create(broker.bootstrap, TOPIC)
        await publish(broker.bootstrap, b"before")
        async with ChangelogReader({"bootstrap_servers": broker.bootstrap}, [TOPIC]) as reader:
            assert [record.value for record in await reader.poll(timeout_ms=60_000)] == [b"before"]
            await asyncio.to_thread(broker.stop)
            end = time.monotonic() + DEADLINE_S
            while reader.silent_s() < 1:
                assert await reader.poll(timeout_ms=100) == []
                assert time.monotonic() < end
            assert reader.ready, "what was read stays read"
            await asyncio.to_thread(broker.start, 120)
            await publish(broker.bootstrap, b"after")
            assert [record.value for record in await reader.poll(timeout_ms=60_000)] == [b"after"]
            assert reader.silent_s() < 1


@pytest.mark.timeout(300)
async def test_a_publisher_keeps_what_fits_while_the_broker_is_away_and_each_record_arrives_once(
    tmp_path: Path,
) -> None:
    with EmbeddedBroker(tmp_path) as broker:
        await create(broker.bootstrap, "svq-exposures", "svq-candidates")
        async with Publisher(broker.bootstrap, pending_bytes=1000, timeout_s=60) as publisher:
            await (await publisher.delete("before"))
            gives_up = Publisher(broker.bootstrap, timeout_s=1)
            await gives_up.start()
            await asyncio.to_thread(broker.stop)
            kept = [await publisher.send("candidates", b"%d" % number, b"x" * 99) for number in range(10)]
            assert publisher.pending_bytes == 1000
            waiting = asyncio.create_task(publisher.delete("after"))
            lost = await gives_up.delete("lost")
            with pytest.raises(UnreachableError, match="1 records with 4 bytes wait"):
                await gives_up.stop()
            with pytest.raises(UnreachableError, match="given up"):
                await lost
            assert not waiting.done(), "there is no room"
            await asyncio.to_thread(broker.start, 120)
            await publisher.flush(DEADLINE_S)
            await (await waiting)
        assert all(receipt.done() for receipt in kept)
        keys = [record.key async for record in read_topic({"bootstrap_servers": broker.bootstrap}, "svq-candidates")]
        assert keys == [b"before", *(b"%d" % number for number in range(10)), b"after"]
