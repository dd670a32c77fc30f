"""How many partitions there are: the broker says, and everything that holds items must agree."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from schemas.errors import TopicsError, UnreachableError
from schemas.settings import Settings

DEADLINE_S = 30.0
RETRY_S = 0.5


async def count_partitions(connection: Mapping[str, Any], settings: Settings, topics: Sequence[str]) -> int:
    """Partitions of `topics`, the same for all of them.

    Raises:
        TopicsError: a topic is missing, or they differ, or the settings say another number.
        UnreachableError: Kafka did not answer.
    """
    counts = await _describe(connection, topics)
    missing = [topic for topic, count in counts.items() if count is None]
    if missing:
        raise TopicsError(f"no topic {', '.join(missing)}: run `svq topics create`")
    if len(set(counts.values())) != 1:
        raise TopicsError(f"these topics need the same number of partitions: {counts}; see `svq topics check`")
    count = next(iter(counts.values())) or 0
    if "partitions" in settings.kafka.model_fields_set and settings.kafka.partitions != count:
        raise TopicsError(
            f"kafka.partitions is {settings.kafka.partitions}, the topics have {count}: leave the setting out, or use "
            "another prefix"
        )
    return count


async def _describe(connection: Mapping[str, Any], topics: Sequence[str]) -> dict[str, int | None]:
    try:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                try:
                    return await _ask(connection, topics)
                except KafkaError as error:
                    if not error.retriable:
                        raise
                    await asyncio.sleep(RETRY_S)
    except (KafkaError, TimeoutError) as error:
        where = connection["bootstrap_servers"]
        raise UnreachableError(f"Kafka at {', '.join(where)} did not answer: {error or 'timeout'}") from error


async def _ask(connection: Mapping[str, Any], topics: Sequence[str]) -> dict[str, int | None]:
    admin = AIOKafkaAdminClient(**connection)
    await admin.start()
    try:
        described = await admin.describe_topics(list(topics))
    finally:
        await admin.close()
    return {entry["topic"]: None if entry["error_code"] else len(entry["partitions"]) for entry in described}
