"""Topics and owners of them, gone after each test."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tables import shard as shard_module
from tests.tables.owners import Ended, Owner


@pytest.fixture
async def topics(bootstrap: str, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def end(error: BaseException, **_: object) -> None:
        raise Ended from error

    monkeypatch.setattr(shard_module, "die", end)
    names = [f"{prefix}-{name}" for name in ("events", "more", "rows-changelog")]
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    policies = ["delete", "delete", "compact"]
    await admin.create_topics(
        [NewTopic(n, 2, 1, topic_configs={"cleanup.policy": p}) for n, p in zip(names, policies, strict=True)]
    )
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    for partition in (0, 1):
        for _ in range(5):
            await producer.send_and_wait(names[0], b"x", partition=partition)
    await producer.stop()


@pytest.fixture
async def owner_of(bootstrap: str, prefix: str, tmp_path: Path, topics: None) -> AsyncIterator[Callable[..., Owner]]:
    """Makes owners, by folder, that are gone after the test."""
    async with AsyncExitStack() as stack:

        def make(folder: str = "tables", partitions: tuple[int, ...] = (0,)) -> Owner:
            owner = Owner(bootstrap, prefix, tmp_path / folder, partitions)
            stack.push_async_callback(owner.leave)
            return owner

        yield make
