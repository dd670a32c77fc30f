"""Whether the topics of a retriever can grow: how many partitions there are, and whether all workers are stopped."""

from collections.abc import Sequence

from aiokafka.admin import AIOKafkaAdminClient

from infra.group_members import members
from infra.topic_facts import read_facts
from schemas.errors import FencedError, TopicsError
from schemas.settings import Settings


async def present_partitions(admin: AIOKafkaAdminClient, settings: Settings, wanted: int) -> int:
    """Partitions now: those of the topic that grows last.

    Raises:
        TopicsError: a topic is missing, there are more than wanted, or a growth to another number is not finished.
    """
    topics = settings.topics
    facts = await read_facts(admin, topics.partitioned)
    if missing := [name for name in topics.partitioned if name not in facts]:
        raise TopicsError(f"no topic {', '.join(missing)}: run `svq topics create`")
    present = facts[topics.assignments].partitions
    if wanted < present:
        raise TopicsError(f"the topics have {present} partitions: Kafka can add some, but take none away")
    others = {name: fact.partitions for name, fact in facts.items() if fact.partitions not in {present, wanted}}
    if others:
        further = max(others.values())
        raise TopicsError(
            f"these topics differ: {others}, the others have {present}. A growth was not finished: "
            f"svq topics grow --partitions {further}"
        )
    return present


async def running_groups(admin: AIOKafkaAdminClient, settings: Settings) -> list[str]:
    """Groups of the workers that have members."""
    topics = settings.topics
    groups = (topics.trainer_app, topics.indexer_app, topics.trainer_lock)
    return sorted([group for group in groups if await members(admin, group)])


def require_stopped(running: Sequence[str], settings: Settings) -> None:
    """Raise FencedError where a group of the workers has members."""
    if running:
        raise FencedError(
            f"workers of {settings.kafka.prefix} are running ({', '.join(running)}): stop trainer and indexers, then "
            f"run it again; one that was killed counts for {settings.indexer.session_timeout_s:g} s. No row was moved"
        )
