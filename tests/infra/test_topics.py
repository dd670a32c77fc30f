import asyncio

import pytest
from aiokafka.admin import NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from infra.reach import administration
from infra.topics import alter_topics, check_topics, create_topics, require_topics
from schemas.errors import TopicsError, UnreachableError
from schemas.kafka import KafkaSettings
from schemas.settings import Settings


def with_kafka(settings: Settings, **changes: object) -> Settings:
    return Settings(
        data=settings.data, kafka=KafkaSettings(**(settings.kafka.model_dump(exclude_unset=True) | changes))
    )


async def test_topics_are_created_once_and_then_as_they_must_be(settings: Settings) -> None:
    created = await create_topics(settings)
    assert len(created) == 11
    assert await create_topics(settings) == []
    assert await check_topics(settings) == []


async def test_a_worker_takes_the_number_of_partitions_from_the_broker(settings_with_topics: Settings) -> None:
    kafka = KafkaSettings(
        bootstrap_servers=settings_with_topics.kafka.bootstrap_servers, prefix=settings_with_topics.kafka.prefix
    )
    told_nothing = Settings(kafka=kafka)
    assert told_nothing.kafka.partitions == 4
    assert (await require_topics(told_nothing)).kafka.partitions == 2


async def test_another_number_of_partitions_than_the_settings_say_is_refused(settings_with_topics: Settings) -> None:
    with pytest.raises(TopicsError, match=r"candidates: partitions is 2, must be 3"):
        await require_topics(with_kafka(settings_with_topics, partitions=3))


async def test_a_topic_that_grew_is_found_and_refused(settings_with_topics: Settings) -> None:
    topics = settings_with_topics.topics
    async with administration(settings_with_topics.kafka) as admin:
        await admin.create_partitions({topics.items_changelog: NewPartitions(total_count=3)})
    found = []
    async with asyncio.timeout(10):
        while not found:
            found = await check_topics(settings_with_topics)
    [difference] = found
    assert (difference.topic, difference.what, difference.found) == (topics.items_changelog, "partitions", "3")
    assert "svq topics grow --partitions 3" in difference.remedy
    with pytest.raises(TopicsError, match="Stop trainer and indexers"):
        await require_topics(settings_with_topics)


async def test_missing_topics_are_named_with_the_command_that_makes_them(settings: Settings) -> None:
    with pytest.raises(TopicsError, match=f"{settings.topics.parameters}: topic is missing") as caught:
        await require_topics(settings)
    assert str(caught.value).endswith("svq topics create")


async def test_a_configuration_that_differs_is_found_and_set(settings: Settings) -> None:
    name = settings.topics.parameters
    config = {"cleanup.policy": "delete", "min.compaction.lag.ms": "5", "compression.type": "gzip"}
    async with administration(settings.kafka) as admin:
        await admin.create_topics([NewTopic(name, 1, 1, topic_configs=config)])
    await create_topics(settings)
    found = {difference.what: difference for difference in await check_topics(settings)}
    assert set(found) == {"cleanup.policy", "min.compaction.lag.ms", "message.timestamp.type"}
    assert found["cleanup.policy"].fatal
    assert not found["min.compaction.lag.ms"].fatal
    assert str(found["min.compaction.lag.ms"]).endswith("is 5, must be at least 3600000")

    assert await alter_topics(settings) == [name]

    assert await check_topics(settings) == []
    async with administration(settings.kafka) as admin:
        [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    values = {key: value for key, value, *_ in answer.resources[0][4]}
    assert values["compression.type"] == "gzip", "what others set must stay"


async def test_more_replicas_than_brokers_is_one_clear_message(settings: Settings) -> None:
    with pytest.raises(TopicsError, match="SVQ_KAFKA__REPLICATION_FACTOR"):
        await create_topics(with_kafka(settings, replication_factor=3))


async def test_fewer_replicas_than_wanted_is_said_but_not_fatal(settings_with_topics: Settings) -> None:
    wanted = with_kafka(settings_with_topics, replication_factor=3)
    found = await check_topics(wanted)
    assert {difference.what for difference in found} == {"replicas", "min.insync.replicas"}
    await require_topics(wanted)


async def test_no_broker_is_named_within_the_deadline() -> None:
    kafka = KafkaSettings(bootstrap_servers="127.0.0.1:1")
    with pytest.raises(UnreachableError, match=r"no Kafka at 127\.0\.0\.1:1 .* within 0\.5 s: .*Connect call failed"):
        await check_topics(Settings(kafka=kafka), deadline_s=0.5)
