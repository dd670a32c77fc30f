"""What a worker's tables need to know, apart from the tables themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HEARTBEAT_S = 1.0


def heartbeat_s(session_timeout_s: float) -> float:
    """Their answers say that others came or left, and nothing moves before all members have heard it."""
    return min(HEARTBEAT_S, session_timeout_s / 4)


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """How one worker owns its shards.

    Attributes:
        group: consumer group, name of the Faust app and first part of the changelogs' names.
        connection: keyword arguments for every aiokafka client (`schemas.kafka.connection`).
        folder: RocksDB files: a cache, one process a folder.
        sources: topics whose offsets belong to the shards, all with the same number of partitions.
        partitions: that number, and the tables'.
        transactional_id: of the one shard that holds all partitions; without it there is a shard a partition,
            named `<group>-<partition>`.
        session_timeout_s: silence after which Kafka gives the partitions away.
        transaction_timeout_s: longest a step's commit may take.
        restore_deadline_s: longest a restore may take.
        stall_deadline_s: lag without progress for so long ends the process.
        step_deadline_s: so does a step whose handler takes longer.
        replication_factor: of changelogs that Faust has to create.
        topics_exist: Faust creates none; it would try to at every start, which not every login may.
    """

    group: str
    connection: Mapping[str, Any]
    folder: Path
    sources: tuple[str, ...]
    partitions: int
    transactional_id: str | None = None
    session_timeout_s: float = 8.0
    transaction_timeout_s: float = 60.0
    restore_deadline_s: float = 600.0
    stall_deadline_s: float = 60.0
    step_deadline_s: float = 45.0
    replication_factor: int = 1
    topics_exist: bool = False

    def shard_name(self, partition: int) -> str:
        """Transactional id of the shard that holds a partition."""
        return self.transactional_id or f"{self.group}-{partition}"
