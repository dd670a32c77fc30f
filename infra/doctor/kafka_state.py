"""What of ours is in Kafka: topics, the members of our groups, how far behind they are."""

from collections.abc import AsyncIterator, Iterator, Sequence

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from infra.doctor.finding import Finding, failed, ok, warning
from infra.group_members import members
from infra.topic_check import TOPIC, Difference, differences
from infra.topic_facts import TopicFacts, read_facts
from schemas.errors import TopicsError
from schemas.kafka import connection
from schemas.settings import Settings
from tables.offsets import committed_offsets, reader

BEHIND = 10_000  # records


async def topics(admin: AIOKafkaAdminClient, settings: Settings) -> tuple[dict[str, TopicFacts], list[Finding]]:
    """The topics that are there, and how they are."""
    names = [spec.name for spec in settings.topics.specs(settings.kafka)]
    facts = await read_facts(admin, names)
    if not facts:
        said = f"none of the {len(names)} of {settings.kafka.prefix} exist"
        remedy = "svq topics create, or svq up, which does it first. Is kafka.prefix right?"
        return facts, [failed("topics", said, remedy, TopicsError)]
    return facts, list(_judged(settings, facts, differences(settings, facts)))


def _judged(settings: Settings, facts: dict[str, TopicFacts], found: Sequence[Difference]) -> Iterator[Finding]:
    partitions = facts[settings.topics.candidates].partitions if settings.topics.candidates in facts else 0
    replicas = min(fact.replicas for fact in facts.values())
    groups = {
        "topics": (f"{len(facts)} of {settings.kafka.prefix}", [one for one in found if one.what == TOPIC]),
        "partitions": (
            f"{partitions} of each topic that holds items or users, so one key has one home",
            [one for one in found if one.what == "partitions"],
        ),
        "replicas": (
            f"at least {replicas} of each topic",
            [one for one in found if one.what in {"replicas", "min.insync.replicas"}],
        ),
    }
    told = {difference for _, differing in groups.values() for difference in differing}
    groups["policies"] = ("retention, compaction and sizes are as needed", [one for one in found if one not in told])
    for check, (said, differing) in groups.items():
        yield _finding(check, said, differing)


def _finding(check: str, said: str, differing: Sequence[Difference]) -> Finding:
    if not differing:
        return ok(check, said)
    what = "; ".join(map(str, differing))
    remedy = ". ".join(dict.fromkeys(one.remedy for one in differing))
    if any(one.fatal for one in differing):
        return failed(check, what, remedy, TopicsError)
    return warning(check, what, remedy)


async def workers(
    admin: AIOKafkaAdminClient, settings: Settings, facts: dict[str, TopicFacts]
) -> AsyncIterator[Finding]:
    """Who works, and what waits for them."""
    names = settings.topics
    for role, group, lag_of, sources in (
        ("trainer", names.trainer_lock, names.trainer_app, (names.exposures,)),
        ("indexer", names.indexer_app, names.indexer_app, (names.candidates, names.assignments)),
    ):
        count = await members(admin, group)
        yield _members(role, group, count)
        there = [source for source in sources if source in facts]
        if there:
            yield await _lag(settings, role, lag_of, there, facts, running=count > 0)


def _members(role: str, group: str, count: int) -> Finding:
    if not count:
        return warning(role, f"none runs: group {group} has no member", f"Start one: svq {role}, or svq up")
    some = {"trainer": "one active, the others stand by", "indexer": "they share the partitions"}[role]
    return ok(role, f"{count} in group {group}" + (f": {some}" if count > 1 else ""))


async def _lag(
    settings: Settings, role: str, group: str, sources: Sequence[str], facts: dict[str, TopicFacts], *, running: bool
) -> Finding:
    arguments = connection(settings.kafka)
    places = [TopicPartition(name, number) for name in sources for number in range(facts[name].partitions)]
    committed = await committed_offsets(arguments, group, places)
    async with reader(arguments) as consumer:
        ends, beginnings = await consumer.end_offsets(places), await consumer.beginning_offsets(places)
    lags = dict.fromkeys(sources, 0)
    for place in places:
        done = committed[place]
        lags[place.topic] += max(0, ends[place] - (beginnings[place] if done is None else done))
    check, said = f"{role} lag", ", ".join(f"{lag:,} records of {name}" for name, lag in lags.items())
    if sum(lags.values()) <= BEHIND:
        return ok(check, said)
    if not running:
        return warning(check, said, f"They wait for a worker: svq {role}, or svq up")
    more = {"trainer": "it catches up at its own speed: see its line `learning`", "indexer": "start another indexer"}
    return warning(check, said, f"If it grows, {more[role]}")
