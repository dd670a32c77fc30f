"""A group assignor that leaves everything with the member that has it."""

import time
from collections.abc import Callable, Iterable, Mapping

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata


class Incumbent(AbstractPartitionAssignor):  # type: ignore[misc]  # aiokafka carries no types
    """The partition stays with the member that holds it; a member that joins never takes it over.

    Kafka's own assignors deal partitions out anew at each rebalance, so that a standby that merely starts could end a
    trainer at work. Every member says since when it holds the lock; of two claims (one member comes back from a pause)
    the later one stands. Nothing rests on these clocks but who is asked to go: the transactions are fenced.
    """

    name = "incumbent"
    version = 0

    def __init__(self, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000, precedence: int = 0) -> None:
        """`precedence`: above 0, goes before others that wait, but not before a holder."""
        self._now_ms = now_ms
        self._precedence = self.held_since = precedence

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """What this member tells the group: since when it holds the lock, 0 for never."""
        return ConsumerProtocolMemberMetadata(self.version, sorted(topics), b"%d" % self.held_since)

    def assign(
        self, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """Everything to one member: the latest holder, else the first by name."""
        holder = max(sorted(members), key=lambda member: int(members[member].user_data or b"0"))
        topics = members[holder].subscription
        everything = [(topic, sorted(cluster.partitions_for_topic(topic) or ())) for topic in topics]
        return {
            member: ConsumerProtocolMemberAssignment(self.version, everything if member == holder else [], b"")
            for member in members
        }

    def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        """Remember since when the lock is held."""
        if not assignment.partitions():
            self.held_since = self._precedence
        elif self.held_since == self._precedence:
            self.held_since = self._now_ms()
