"""In what the topics differ from what the workers need, and what to do about it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from infra.topic_facts import TopicFacts
from schemas.settings import Settings
from schemas.topics import TopicSpec

TOPIC = "topic"
CREATE = "Create them: svq topics create"
ALTER = "Set it: svq topics create --alter"

# Where Kafka's value may be larger than ours; -1 means without end.
AT_LEAST = {
    "retention.ms",
    "delete.retention.ms",
    "min.compaction.lag.ms",
    "max.message.bytes",
    "min.insync.replicas",
}
EXACTLY = {"cleanup.policy", "message.timestamp.type"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it must be.

    Attributes:
        what: `topic`, `partitions`, `replicas`, or the name of a topic configuration.
        fatal: workers refuse to start.
        alterable: `svq topics create --alter` puts it right.
        bound: `at least ` or `at most ` where `wanted` is not the only good value.
    """

    topic: str
    what: str
    found: str
    wanted: str
    remedy: str
    fatal: bool = False
    alterable: bool = False
    bound: str = ""

    def __str__(self) -> str:
        return f"{self.topic}: {self.what} is {self.found}, must be {self.bound}{self.wanted}"


def differences(settings: Settings, facts: Mapping[str, TopicFacts]) -> list[Difference]:
    """All differences, in the order of the topics.

    The number of partitions is the settings' where they set it, else that of `candidates`: what counts is that all
    agree, since an item's home partition follows from it.
    """
    topics, kafka = settings.topics, settings.kafka
    if "partitions" not in kafka.model_fields_set and topics.candidates in facts:
        kafka = kafka.model_copy(update={"partitions": facts[topics.candidates].partitions})
    found: list[Difference] = []
    for spec in topics.specs(kafka):
        if spec.name in facts:
            found += _partitions(settings, spec, facts[spec.name])
            found += _replicas(settings, spec, facts[spec.name])
            found += _config(spec, facts[spec.name])
        else:
            found.append(Difference(spec.name, TOPIC, "missing", "there", CREATE, fatal=True))
    return found


def _partitions(settings: Settings, spec: TopicSpec, facts: TopicFacts) -> Iterator[Difference]:
    if facts.partitions != spec.partitions:
        remedy = _more(settings, spec, facts) if spec.name in settings.topics.partitioned else _anew(settings)
        yield Difference(spec.name, "partitions", str(facts.partitions), str(spec.partitions), remedy, fatal=True)


def _more(settings: Settings, spec: TopicSpec, facts: TopicFacts) -> str:
    most = max(spec.partitions, facts.partitions)
    fewer = f", or set kafka.partitions to {most}" if "partitions" in settings.kafka.model_fields_set else ""
    return (
        "Kafka can only add partitions, and rows have to move with them. Stop trainer and indexers, then "
        f"svq topics grow --partitions {most}, which also finishes what was ended in the middle{fewer}"
    )


def _anew(settings: Settings) -> str:
    return (
        "Its number of partitions cannot change. If it holds nothing yet, delete it with Kafka's kafka-topics.sh, then "
        "svq topics create. Otherwise begin anew beside it and publish the candidates again: "
        f"SVQ_KAFKA__PREFIX={settings.kafka.prefix}-2 svq topics create"
    )


def _replicas(settings: Settings, spec: TopicSpec, facts: TopicFacts) -> Iterator[Difference]:
    wanted = settings.kafka.replication_factor
    if facts.replicas < wanted:
        remedy = (
            "Add replicas with Kafka's kafka-reassign-partitions.sh, or be content with fewer: "
            f"SVQ_KAFKA__REPLICATION_FACTOR={facts.replicas}"
        )
        yield Difference(spec.name, "replicas", str(facts.replicas), str(wanted), remedy, bound="at least ")
    in_sync = facts.config.get("min.insync.replicas", "1")
    if int(in_sync) > facts.replicas:
        replicas = str(facts.replicas)
        remedy = (
            "Nothing can be written to it. Lower it: kafka-configs.sh --alter --entity-type topics "
            f"--entity-name {spec.name} --add-config min.insync.replicas={replicas}"
        )
        yield Difference(spec.name, "min.insync.replicas", in_sync, replicas, remedy, fatal=True, bound="at most ")


def _config(spec: TopicSpec, facts: TopicFacts) -> Iterator[Difference]:
    for key, wanted in spec.config.items():
        found = facts.config.get(key)
        if found is None or key not in AT_LEAST | EXACTLY:
            continue  # may not be read, or is a matter of speed only
        enough = found == "-1" or int(found) >= int(wanted) if key in AT_LEAST else found == wanted
        if not enough:
            yield Difference(
                spec.name,
                key,
                found,
                wanted,
                ALTER,
                fatal=key == "cleanup.policy",  # rows that must stay would be deleted, or rows that must go would stay
                alterable=True,
                bound="at least " if key in AT_LEAST else "",
            )
