"""Reading rows that are to move: nothing waits for ever behind a transaction that nobody ends."""

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from agents import moving
from agents.moving import Homes
from schemas.errors import UnreachableError


async def test_reading_behind_an_open_transaction_ends_with_what_to_do(
    bootstrap: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "SILENCE_S", 1.0)
    topic = f"{prefix}-items-changelog"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 2, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=prefix)
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"row", b"key", partition=0)
        with pytest.raises(UnreachableError, match=r"read up to 0 of 1, then nothing came .* Run it again later"):
            await Homes({"bootstrap_servers": [bootstrap]}, 2).strays([topic], 0)
        await producer.abort_transaction()
        assert not await Homes({"bootstrap_servers": [bootstrap]}, 2).strays([topic], 0)
    finally:
        await producer.stop()
