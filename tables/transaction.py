"""One step's output as one Kafka transaction: rows, records and the offsets of the sources they came from."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import IllegalOperation

from tables.errors import RowSizeError

MAX_BATCH_BYTES = 900_000  # below the 1 MiB that a topic takes by default
CLOSE_DEADLINE_S = 10.0
MAX_RECORD_BYTES = 7 << 20  # below the 8 MiB of our own topics


class Record(NamedTuple):
    """A record to publish; value None is a tombstone."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


@asynccontextmanager
async def fenced(connection: Mapping[str, Any], transactional_id: str, timeout_s: float = 60.0) -> AsyncIterator[Any]:
    """A producer of this id: whoever had it before can commit nothing any more, what they left open is settled.

    So is what the block leaves open when it fails: readers would wait behind it until somebody else has the id.
    `timeout_s` is how long Kafka waits for the end of a transaction whose process died, and readers behind it too.
    """
    producer = AIOKafkaProducer(
        **connection,
        transactional_id=transactional_id,
        acks="all",
        max_batch_size=MAX_BATCH_BYTES,
        transaction_timeout_ms=int(timeout_s * 1000),
        retry_backoff_ms=3,
    )
    await producer.start()
    try:
        yield producer
    except BaseException:
        with suppress(Exception):  # there may be none, or no Kafka
            async with asyncio.timeout(CLOSE_DEADLINE_S):
                await producer.abort_transaction()
        raise
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_DEADLINE_S):
                await producer.stop()


async def publish(
    producer: Any,
    records: Mapping[TopicPartition, Iterable[Record]],
    offsets: Mapping[TopicPartition, int],
    group: str,
) -> dict[TopicPartition, int]:
    """Everything in one transaction; where each topic partition goes on after the last of its records.

    A partition is left out of the answer if the broker did not say where the records lie (it may forget that of a
    repeated request).

    Raises:
        RowSizeError: a record is larger than Kafka takes.
        KafkaError: fenced, or in doubt; the transaction must not be followed by another one.
    """
    await producer.begin_transaction()
    sent = await asyncio.gather(*(_send(producer, tp, rows) for tp, rows in records.items()))
    if offsets:
        try:
            await producer.send_offsets_to_transaction(dict(offsets), group)
        except IllegalOperation:  # a batch met an error meanwhile, which ended the transaction: that is the reason
            await asyncio.gather(*(future for batches in sent for future, _ in batches))
            raise
    ends = {}
    for tp, batches in zip(records, sent, strict=True):
        acknowledged = [((await future).offset, count) for future, count in batches]
        if acknowledged and all(offset >= 0 for offset, _ in acknowledged):
            ends[tp] = acknowledged[-1][0] + acknowledged[-1][1]
    await producer.commit_transaction()
    return ends


async def _send(producer: Any, tp: TopicPartition, records: Iterable[Record]) -> list[tuple[Any, int]]:
    """Hand over all batches of one topic partition; the acknowledgements come later."""
    return [
        (await producer.send_batch(batch, tp.topic, partition=tp.partition), batch.record_count())
        for batch in _batches(producer, tp, records)
    ]


def _batches(producer: Any, tp: TopicPartition, records: Iterable[Record]) -> Iterator[Any]:
    batch = producer.create_batch()
    for record in records:
        size = len(record.key or b"") + len(record.value or b"")
        if size > MAX_RECORD_BYTES:
            raise RowSizeError(f"a record of {size} bytes for {tp.topic}: at most {MAX_RECORD_BYTES} fit")
        if not _append(batch, record):
            batch.close()
            yield batch
            batch = producer.create_batch()
            _append(batch, record)  # the first record of a batch is always taken
    if batch.record_count():
        batch.close()
        yield batch


def _append(batch: Any, record: Record) -> bool:
    return batch.append(timestamp=None, key=record.key, value=record.value, headers=list(record.headers)) is not None
