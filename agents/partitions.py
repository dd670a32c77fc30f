"""How many partitions there are: the broker says, and everything that holds items must agree."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError, for_code

from schemas.errors import FencedError, TopicsError, TopicsMissingError, UnreachableError
from schemas.settings import Settings

DEADLINE_S = 30.0
MISSING_S = 5.0  # from a topic's creation until every broker knows it, generously
RETRY_S = 0.5


async def count_partitions(connection: Mapping[str, Any], settings: Settings, topics: Sequence[str]) -> int:
    """Partitions of `topics`, the same for all of them.

    Raises:
        TopicsError: a topic is missing, or they differ, or the settings say another number.
        UnreachableError: Kafka did not answer.
    """
    counts = await partitions_of(connection, topics)
    if len(set(counts.values())) != 1:
        raise TopicsError(f"these topics need the same number of partitions: {counts}; see `svq topics check`")
    count = next(iter(counts.values()))
    if "partitions" in settings.kafka.model_fields_set and settings.kafka.partitions != count:
        raise TopicsError(
            f"kafka.partitions is {settings.kafka.partitions}, the topics have {count}: leave the setting out, or use "
            "another prefix"
        )
    return count


async def require_as_many(
    connection: Mapping[str, Any], settings: Settings, topics: Sequence[str], before: int
) -> None:
    """Raise FencedError where there are more than `before`: keys live elsewhere now. Else as `count_partitions`."""
    count = await count_partitions(connection, settings, topics)
    if count != before:
        raise FencedError(
            f"there are {count} partitions, {before} when this worker started. Started again, it counts them anew"
        )


async def partitions_of(
    connection: Mapping[str, Any], topics: Sequence[str], missing_s: float = MISSING_S
) -> dict[str, int]:
    """Partitions of each topic. A broker may not know yet what was just created, or just lose a leader: ask again.

    Raises:
        TopicsMissingError: a topic was not there for `missing_s`.
        UnreachableError: Kafka did not answer, or refuses to.
    """
    said: Exception = TimeoutError("timeout")
    clock = asyncio.get_running_loop().time
    begun = clock()
    try:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                try:
                    return await _ask(connection, topics)
                except TopicsMissingError:
                    if clock() - begun > missing_s:
                        raise
                except KafkaError as error:
                    if not error.retriable:
                        raise _unanswered(connection, error) from error
                    said = error
                await asyncio.sleep(RETRY_S)
    except TimeoutError:
        raise _unanswered(connection, said) from said


def _unanswered(connection: Mapping[str, Any], said: Exception) -> UnreachableError:
    return UnreachableError(f"Kafka at {', '.join(connection['bootstrap_servers'])} did not answer: {said!r}")


async def _ask(connection: Mapping[str, Any], topics: Sequence[str]) -> dict[str, int]:
    admin = AIOKafkaAdminClient(**connection)
    await admin.start()
    try:
        described = await admin.describe_topics(list(topics))
    finally:
        await admin.close()
    missing = []
    for entry in described:
        kind = for_code(entry["error_code"])
        if kind is UnknownTopicOrPartitionError:
            missing.append(entry["topic"])
        elif entry["error_code"]:
            raise kind(entry["topic"])
    if missing:
        raise TopicsMissingError(f"no topic {', '.join(missing)}: run `svq topics create`")
    return {entry["topic"]: len(entry["partitions"]) for entry in described}
