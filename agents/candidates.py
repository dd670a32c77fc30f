"""The agent that files items: each candidate becomes an `items` row and, at once, an `item_index` row."""

import time

import structlog
from streamvq_client.partitioner import partition_of
from streamvq_client.rows import ItemIndexRow, ItemRow

from agents.indexer_metrics import IndexerMetrics
from agents.partition_rows import IndexTables, PartitionRows, arrived_ms, present_cluster
from agents.placer import Placer
from agents.replica import Placed
from agents.shares import Shares
from schemas.dead_letters import dead_letter, encode_dead_letter
from schemas.events import Candidate, Deletion, EventError, Rejected, Tally, decode_candidate
from schemas.topics import Topics
from tables.position import Event, Message
from tables.shard import Shard, Step

log = structlog.get_logger(__name__)


class Candidates:
    """Handles the candidates of one partition, a step at a time."""

    def __init__(
        self,
        topics: Topics,
        partitions: int,
        tables: IndexTables,
        shares: Shares,
        placer: Placer,
        metrics: IndexerMetrics,
    ) -> None:
        self._topics, self._partitions, self._tables = topics, partitions, tables
        self._shares, self._placer, self._metrics = shares, placer, metrics
        self._tally = Tally()
        self._warned = False

    async def handle(self, shard: Shard, step: Step[Event]) -> None:
        """Rows for everything that the events say; of several events of an item the last one counts."""
        partition = shard.partitions[0]
        now_ms = time.time_ns() // 1_000_000
        latest, heard = self._decode(step, partition, now_ms)
        rows = PartitionRows(step, partition, self._tables, self._shares[partition])
        rows.load(latest)
        for event in latest.values():
            if isinstance(event, Deletion):
                # Unknown items too: an exposure of one that is still on its way must not bring it to life.
                rows.delete(event.item_id, now_ms)
        live = [event for event in latest.values() if isinstance(event, Candidate)]
        if live:
            present = [present_cluster(rows.index(event.item_id)) for event in live]
            placed = await self._placer.place([c.item_id for c in live], [c.features for c in live], present)
            self._file(rows, live, placed, heard)
        rows.close(now_ms)
        self._metrics.candidates.labels("indexed").inc(len(live))
        self._metrics.candidates.labels("deleted").inc(len(latest) - len(live))

    def _decode(
        self, step: Step[Event], partition: int, now_ms: int
    ) -> tuple[dict[str, Candidate | Deletion], dict[str, int]]:
        """The last event of each item that lives here, and when it arrived."""
        latest: dict[str, Candidate | Deletion] = {}
        heard: dict[str, int] = {}
        for event in step.events:
            message = event.message
            try:
                # The broker's time of arrival, so that a record is judged the same whenever it is read.
                decoded = decode_candidate(message.key, message.value, round(message.timestamp * 1000), self._tally)
            except EventError as error:
                self._reject(step, message, error)
                continue
            home = partition_of(decoded.item_id.encode(), self._partitions)
            if home == partition:
                latest[decoded.item_id] = decoded
                heard[decoded.item_id] = arrived_ms(message, now_ms)
            else:
                self._forward(step, message, decoded.item_id, home)
        self._metrics.unknown_fields.inc(self._tally.unknown_fields)
        self._tally.unknown_fields = 0
        return latest, heard

    def _reject(self, step: Step[Event], message: Message, error: EventError) -> None:
        rejected = Rejected(error.reason, error.detail, message.value or b"")
        step.send(self._topics.dead_letters, 0, *encode_dead_letter(dead_letter(rejected, message)))
        self._metrics.candidates.labels("rejected").inc()
        self._metrics.rejected.labels(str(error.reason)).inc()

    def _forward(self, step: Step[Event], message: Message, item: str, home: int) -> None:
        """The producer does not hash as Java does; the item's rows live where everybody else looks for them."""
        step.send(self._topics.candidates, home, item.encode(), message.value, message.headers)
        self._metrics.candidates.labels("forwarded").inc()
        if not self._warned:
            self._warned = True
            log.warning(
                "candidates arrive away from their home partition and are sent there, which costs a second step: "
                "set the producer's partitioner to murmur2 of the key (librdkafka: partitioner=murmur2_random)",
                topic=message.topic,
                partition=message.partition,
                home=home,
            )

    def _file(self, rows: PartitionRows, live: list[Candidate], placed: Placed, heard: dict[str, int]) -> None:
        clusters, biases = placed.clusters_n.tolist(), placed.bias_nt.tolist()
        for candidate, cluster, bias in zip(live, clusters, biases, strict=True):
            item, before = candidate.item_id, rows.index(candidate.item_id)
            rows.put_item(item, ItemRow(candidate.features, candidate.attributes, candidate.timestamp))
            stale = before is not None and before.version > placed.version
            rows.put_index(
                item,
                ItemIndexRow(
                    # Placed by a version that this replica has not reached; the scanner files it by its new features.
                    clusters=before.clusters if before and stale else [cluster],
                    bias=before.bias if before and stale else bias,
                    # Nothing until it is exposed: readers take what a new item has in the version they serve.
                    popularity=before.popularity if before and before.exposures else [],
                    exposures=before.exposures if before else 0,
                    version=before.version if before and stale else placed.version,
                    time=heard[item],
                    published=candidate.timestamp,
                ),
            )
