"""What Faust fetched and dropped comes again, also where nothing was committed yet."""

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from tables.consumer import seek_to_committed


@pytest.mark.parametrize("committed", [None, 0, 2])
async def test_a_partition_goes_on_behind_what_was_committed(
    bootstrap: str, prefix: str, topics: None, committed: int | None
) -> None:
    place = TopicPartition(f"{prefix}-events", 0)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=prefix, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    async with consumer:
        consumer.assign([place])
        if committed is not None:
            await consumer.commit({place: committed})
        assert (await consumer.getone(place)).offset == (committed or 0)
        await seek_to_committed(consumer)
        assert (await consumer.getone(place)).offset == (committed or 0)
