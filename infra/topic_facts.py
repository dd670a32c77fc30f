"""What the broker says about topics."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

DYNAMIC_TOPIC_CONFIG = 1  # source of a value that was set on the topic itself


@dataclass(frozen=True, slots=True)
class TopicFacts:
    """A topic as it is.

    Attributes:
        replicas: copies of the partition that has the fewest.
        led: whether every partition has a leader.
        config: effective configuration; empty when we may not read it.
        own_config: the part of it that was set on the topic itself.
    """

    partitions: int
    replicas: int
    led: bool
    config: dict[str, str] = field(default_factory=dict)
    own_config: dict[str, str] = field(default_factory=dict)


async def read_facts(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, TopicFacts]:
    """Facts of those topics that exist, by name."""
    # All topics first: asking for one that is missing would create it where brokers create topics on their own.
    existing = sorted(set(names) & set(await admin.list_topics()))
    if not existing:
        return {}
    configs = await _configs(admin, existing)
    facts = {}
    for topic in await admin.describe_topics(existing):
        partitions = topic["partitions"]
        if not topic["error_code"] and partitions:
            config, own = configs.get(topic["topic"], ({}, {}))
            facts[topic["topic"]] = TopicFacts(
                partitions=len(partitions),
                replicas=min(len(partition["replicas"]) for partition in partitions),
                led=all(partition["leader"] >= 0 for partition in partitions),
                config=config,
                own_config=own,
            )
    return facts


async def _configs(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    configs = {}
    for answer in await admin.describe_configs(resources):
        for code, _, _, name, entries in answer.resources:
            if code == 0:
                effective = {key: value for key, value, *_ in entries}
                own = {key: value for key, value, _, source, *_ in entries if source == DYNAMIC_TOPIC_CONFIG}
                configs[name] = (effective, own)
    return configs
