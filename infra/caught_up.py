"""Waiting until the trainer has learnt what is in the stream now."""

import asyncio
import time
from collections.abc import Callable

from aiokafka import TopicPartition

from schemas.errors import UnreachableError
from schemas.kafka import connection
from schemas.settings import Settings
from tables.offsets import committed_offsets, reader

PAUSE_S = 0.5


async def until_learnt(settings: Settings, partitions: int, deadline_s: float, show: Callable[[float], None]) -> float:
    """Return once every exposure published until now is learnt and committed; the seconds that took.

    Raises:
        UnreachableError: it is not after `deadline_s`.
    """
    arguments, topics = connection(settings.kafka), settings.topics
    places = [TopicPartition(topics.exposures, number) for number in range(partitions)]
    async with reader(arguments) as consumer:
        ends, begins = await consumer.end_offsets(places), await consumer.beginning_offsets(places)
    began, first = time.monotonic(), None
    while True:
        committed = await committed_offsets(arguments, topics.trainer_app, places)
        left = sum(max(0, ends[place] - (committed[place] or begins[place])) for place in places)
        # The last offset of a transaction is its marker, which nobody commits.
        if all((committed[place] or begins[place]) >= ends[place] - 1 for place in places):
            return time.monotonic() - began
        first = first or left
        show(1 - left / first)
        if time.monotonic() - began > deadline_s:
            raise UnreachableError(
                f"{left:,} records of {topics.exposures} are not learnt after {deadline_s:g} s. All are published; "
                "is a trainer running? See svq doctor"
            )
        await asyncio.sleep(PAUSE_S)
