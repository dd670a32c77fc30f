"""After the last event: everybody takes what waits, or stands still for too long."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition

from infra.chaos.screen import Screen
from infra.chaos.watch import Watch
from infra.chaos.world import World
from tables.offsets import probe

# Twice the deadline after which a worker that does not move ends itself.
STUCK_S = 120.0
LOOK_S, PROBE_S, RECENT_S = 1.0, 10.0, 2.0


async def settle(
    world: World,
    connection: Mapping[str, Any],
    sources: Mapping[str, Sequence[TopicPartition]],
    watch: Watch,
    screen: Screen,
) -> list[str]:
    """Return when every record is taken and every process is up; what stands still after two minutes without a move."""
    waiting = {source: group for group, listed in sources.items() for source in listed}
    since = time.monotonic()
    while True:
        before = dict(watch.committed)
        for source in list(waiting):
            record, _ = await probe(connection, source, watch.committed.get(source, 0), PROBE_S)
            if record is None:
                del waiting[source]
        down = _down(world, watch)
        if not waiting and not down:
            return []
        if watch.committed != before:
            since = time.monotonic()
        if time.monotonic() - since > STUCK_S:
            return [f"{source.topic}[{source.partition}] of {group}" for source, group in waiting.items()] + down
        screen.status(f"settling: {len(waiting)} partitions hold records, {len(down)} processes are not up")
        await asyncio.sleep(LOOK_S)


def _down(world: World, watch: Watch) -> list[str]:
    """Processes that do not run, and servers that do not answer."""
    gone = [f"{role} does not run" for role in world.roles if world.process(role) is None]
    silent = [f"{role} is not ready" for role in watch.servers if watch.silent_s(role) > RECENT_S]
    return gone + silent
