"""Creates the topics of a retriever, and brings the configuration of existing ones to what is needed."""

import asyncio
import time
from collections.abc import Mapping, Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    InvalidReplicationFactorError,
    NotControllerError,
    RequestTimedOutError,
    TopicAlreadyExistsError,
    for_code,
)

from infra.reach import DEADLINE_S, administration
from infra.topic_check import TOPIC, Difference, differences
from infra.topic_facts import read_facts
from schemas.errors import TopicsError, TopicsMissingError, UnreachableError
from schemas.settings import Settings
from schemas.topics import TopicSpec

CREATE_DEADLINE_S = 30.0
HIDDEN = "Or this login may not see them: `svq topics acls` lists what each role needs"
PAUSE_S = 0.1


async def create_topics(settings: Settings, deadline_s: float = DEADLINE_S) -> list[str]:
    """Create the topics that are missing and return their names once each partition has a leader.

    Raises:
        UnreachableError: no broker answers within `deadline_s`.
        TopicsError: the broker refuses; says why.
    """
    async with administration(settings.kafka, deadline_s) as admin:
        existing = set(await admin.list_topics())
        missing = [spec for spec in settings.topics.specs(settings.kafka) if spec.name not in existing]
        end = time.monotonic() + CREATE_DEADLINE_S
        if missing:
            await _create(admin, missing, settings.kafka.replication_factor, end)
            await _until_led(admin, [spec.name for spec in missing], end)
        return [spec.name for spec in missing]


async def alter_topics(settings: Settings, deadline_s: float = DEADLINE_S) -> list[str]:
    """Set what `svq topics check` finds different in the configuration of existing topics; their names."""
    found = await check_topics(settings, deadline_s)
    wanted: dict[str, dict[str, str]] = {}
    for difference in found:
        if difference.alterable:
            wanted.setdefault(difference.topic, {})[difference.what] = difference.wanted
    await configure_topics(settings, wanted, deadline_s)
    return list(wanted)


async def configure_topics(
    settings: Settings, wanted: Mapping[str, Mapping[str, str]], deadline_s: float = DEADLINE_S
) -> None:
    """Set these entries of the configuration of these topics; whatever else was set on them stays.

    Raises:
        UnreachableError: no broker answers within `deadline_s`.
        TopicsError: the broker refuses; says why.
    """
    if not wanted:
        return
    async with administration(settings.kafka, deadline_s) as admin:
        facts = await read_facts(admin, wanted)
        # The request replaces all that was ever set on the topic, so what others set goes along.
        resources = [
            ConfigResource(ConfigResourceType.TOPIC, name, facts[name].own_config | dict(config))
            for name, config in wanted.items()
        ]
        for answer in await admin.alter_configs(resources):
            for code, message, _, name in answer.resources:
                if code:
                    raise TopicsError(f"{name}: the broker refuses to change it: {message or for_code(code).__name__}")
        await _until(admin, wanted)


async def check_topics(settings: Settings, deadline_s: float = DEADLINE_S) -> list[Difference]:
    """Everything in which the topics are not what the settings want."""
    async with administration(settings.kafka, deadline_s) as admin:
        facts = await read_facts(admin, [spec.name for spec in settings.topics.specs(settings.kafka)])
    return differences(settings, facts)


async def require_topics(settings: Settings, deadline_s: float = DEADLINE_S) -> Settings:
    """The settings with the number of partitions that the broker has, if a worker can run on its topics.

    Raises:
        TopicsMissingError: some are missing, and nothing else is wrong.
        TopicsError: one is not as durable as it must be, or differs in its partitions.
    """
    async with administration(settings.kafka, deadline_s) as admin:
        facts = await read_facts(admin, [spec.name for spec in settings.topics.specs(settings.kafka)])
    if fatal := [difference for difference in differences(settings, facts) if difference.fatal]:
        kind = TopicsMissingError if all(difference.what == TOPIC for difference in fatal) else TopicsError
        remedies = dict.fromkeys(difference.remedy for difference in fatal)
        if kind is TopicsMissingError and settings.kafka.security_protocol != "PLAINTEXT":
            remedies[HIDDEN] = None
        raise kind("\n".join([*(str(difference) for difference in fatal), *remedies]))
    partitions = facts[settings.topics.candidates].partitions
    return settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"partitions": partitions})})


async def _create(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec], replicas: int, end: float) -> None:
    pending = {spec.name: NewTopic(spec.name, spec.partitions, replicas, topic_configs=spec.config) for spec in specs}
    while pending:
        answer = await admin.create_topics(list(pending.values()))
        for name, code, message in answer.topic_errors:
            error = for_code(code)
            if code == 0 or error is TopicAlreadyExistsError:
                del pending[name]
            elif error is InvalidReplicationFactorError:
                raise TopicsError(f"{name}: {message} Start more brokers, or set SVQ_KAFKA__REPLICATION_FACTOR lower")
            elif error not in {NotControllerError, RequestTimedOutError} or time.monotonic() > end:
                raise TopicsError(f"{name}: the broker refuses to create it: {message or error.__name__}")
        await asyncio.sleep(PAUSE_S if pending else 0)


async def _until(admin: AIOKafkaAdminClient, wanted: Mapping[str, Mapping[str, str]]) -> None:
    end = time.monotonic() + CREATE_DEADLINE_S
    while time.monotonic() < end:
        facts = await read_facts(admin, wanted)
        if all(config.items() <= facts[name].own_config.items() for name, config in wanted.items()):
            return
        await asyncio.sleep(PAUSE_S)
    raise UnreachableError(f"the broker took the new configuration, but does not show it after {CREATE_DEADLINE_S:g} s")


async def _until_led(admin: AIOKafkaAdminClient, names: Sequence[str], end: float) -> None:
    while time.monotonic() < end:
        facts = await read_facts(admin, names)
        if len(facts) == len(names) and all(fact.led for fact in facts.values()):
            return
        await asyncio.sleep(PAUSE_S)
    raise UnreachableError(f"the new topics have no leader after {CREATE_DEADLINE_S:g} s. See the broker's log")
