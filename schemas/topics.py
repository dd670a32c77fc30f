"""Every Kafka name of one retriever, and what each topic must look like."""

from dataclasses import dataclass
from typing import NamedTuple

from schemas.kafka import KafkaSettings

HOUR_MS = 3_600_000
MIB = 1_048_576
# Records carry the time at which the broker took them, not their writer's. A replay of last year's events, stamped with
# last year's time, would be past its retention the moment it arrives, and so would what a worker writes whose clock is
# late; of one whose clock is more than an hour ahead, Kafka takes nothing at all.
ARRIVAL = {"message.timestamp.type": "LogAppendTime"}


class TopicSpec(NamedTuple):
    """A topic as it must be: name, partitions, and the broker's topic configuration (values as Kafka writes them)."""

    name: str
    partitions: int
    config: dict[str, str]


@dataclass(frozen=True, slots=True)
class Topics:
    """Names of topics, consumer groups and transactional ids under one prefix."""

    prefix: str

    @property
    def exposures(self) -> str:
        """Who was shown what, from the applications."""
        return f"{self.prefix}-exposures"

    @property
    def candidates(self) -> str:
        """Items and deletions, from the applications."""
        return f"{self.prefix}-candidates"

    @property
    def assignments(self) -> str:
        """Blocks of placements, trainer to indexers."""
        return f"{self.prefix}-assignments"

    @property
    def parameters(self) -> str:
        """The model, trainer to all."""
        return f"{self.prefix}-parameters"

    @property
    def trainer_state(self) -> str:
        """What only the trainer needs of itself."""
        return f"{self.prefix}-trainer-state"

    @property
    def trainer_lock(self) -> str:
        """Owning its one partition makes a trainer the active one; also the name of that consumer group."""
        return f"{self.prefix}-trainer-lock"

    @property
    def dead_letters(self) -> str:
        """Records that could not be taken, with the reason."""
        return f"{self.prefix}-dead-letters"

    @property
    def trainer_app(self) -> str:
        """Faust app, consumer group and transactional id of the trainer."""
        return f"{self.prefix}-trainer"

    @property
    def indexer_app(self) -> str:
        """Faust app and consumer group of the indexers."""
        return f"{self.prefix}-indexer"

    @property
    def items_changelog(self) -> str:
        """Changelog of the table `items`."""
        return f"{self.indexer_app}-items-changelog"

    @property
    def item_index_changelog(self) -> str:
        """Changelog of the table `item_index`."""
        return f"{self.indexer_app}-item_index-changelog"

    @property
    def clusters_changelog(self) -> str:
        """Changelog of the table `clusters`."""
        return f"{self.indexer_app}-clusters-changelog"

    @property
    def histories_changelog(self) -> str:
        """Changelog of the table `histories`."""
        return f"{self.trainer_app}-histories-changelog"

    @property
    def partitioned(self) -> tuple[str, ...]:
        """Topics that must have the same number of partitions: where a key lives in one, it lives in all.

        In the order in which they grow; workers refuse to start until the last one has.
        """
        return (
            self.exposures,
            self.candidates,
            self.items_changelog,
            self.item_index_changelog,
            self.clusters_changelog,
            self.histories_changelog,
            self.assignments,
        )

    def specs(self, kafka: KafkaSettings) -> list[TopicSpec]:
        """Every topic of this prefix as `svq topics create` makes it and `svq topics check` wants it."""
        keyed, week = kafka.partitions, _deleted(kafka.retention_hours)
        specs = [
            TopicSpec(self.exposures, keyed, week),
            TopicSpec(self.candidates, keyed, week),
            TopicSpec(self.assignments, keyed, _deleted(kafka.assignments_retention_hours, 8 * MIB)),
            TopicSpec(self.parameters, 1, _compacted() | {"min.compaction.lag.ms": str(HOUR_MS)}),
            TopicSpec(self.trainer_state, 1, _compacted() | {"min.compaction.lag.ms": str(HOUR_MS)}),
            TopicSpec(self.trainer_lock, 1, _deleted(kafka.retention_hours)),
            TopicSpec(self.dead_letters, 1, _deleted(2 * kafka.retention_hours, 2 * MIB)),
            TopicSpec(self.items_changelog, keyed, _compacted()),
            TopicSpec(self.item_index_changelog, keyed, _compacted()),
            TopicSpec(self.clusters_changelog, keyed, _compacted()),
            TopicSpec(self.histories_changelog, keyed, _compacted()),
        ]
        durable = {"min.insync.replicas": str(max(1, kafka.replication_factor - 1))}
        return [spec._replace(config=spec.config | durable) for spec in specs]


def _deleted(hours: int, max_bytes: int = MIB) -> dict[str, str]:
    return ARRIVAL | {
        "cleanup.policy": "delete",
        "retention.ms": str(hours * HOUR_MS),
        "max.message.bytes": str(max_bytes),
    }


def _compacted() -> dict[str, str]:
    # Small segments that close soon: Kafka never compacts the segment it is writing. And not only when it is worth the
    # while: what was overwritten or erased must be gone after a day.
    return ARRIVAL | {
        "cleanup.policy": "compact",
        "min.compaction.lag.ms": "0",
        "delete.retention.ms": str(24 * HOUR_MS),
        "max.compaction.lag.ms": str(24 * HOUR_MS),
        "min.cleanable.dirty.ratio": "0.1",
        "segment.ms": "600000",
        "segment.bytes": str(64 * MIB),
        "max.message.bytes": str(8 * MIB),
    }
