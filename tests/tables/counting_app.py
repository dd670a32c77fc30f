"""A worker that counts: rows by key and totals by class, exactly once whatever happens to it. Run as a process.

python counting_app.py <prefix> <folder> batched|single; `SVQ_TEST_BOOTSTRAP` says where Kafka is.
"""

import asyncio
import logging
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tables.app import add_source, add_table, create_app
from tables.config import WorkerConfig
from tables.consumer import delivered
from tables.position import Event
from tables.runner import run
from tables.shard import Shard, Step
from tables.stopping import stop_on_signals

PARTITIONS = 4
CLASSES = 16


def config(prefix: str, folder: Path) -> WorkerConfig:
    return WorkerConfig(
        group=prefix,
        connection={"bootstrap_servers": [os.environ["SVQ_TEST_BOOTSTRAP"]]},
        folder=folder,
        sources=(f"{prefix}-events",),
        partitions=PARTITIONS,
        session_timeout_s=float(os.environ.get("SESSION_S", "6")),
        stall_deadline_s=20.0,
    )


def class_of(key: bytes) -> bytes:
    return b"%d" % (int(key) % CLASSES)


async def main(prefix: str, folder: Path, *, batched: bool) -> None:
    stop = stop_on_signals()
    app = create_app(config(prefix, folder))
    rows, totals = add_table(app, "rows"), add_table(app, "totals")

    async def count(shard: Shard, step: Step[Event]) -> None:
        partition = shard.partitions[0]
        counts: Counter[bytes] = Counter()
        for event in step.events:
            key = event.message.key or b""
            seen = int(step.get(rows, partition, key) or 0)
            step.put(rows, partition, key, b"%d" % (seen + 1))
            counts[class_of(key)] += 1
        for name, n in counts.items():
            step.put(totals, partition, name, b"%d" % (int(totals.get(partition, name) or 0) + n))

    source = add_source(app, f"{prefix}-events", batched=batched)

    async def in_lists(stream: Any) -> None:
        async for event in stream.events():
            await app.shards.process(event.message.partition, delivered(event), count)

    async def one_by_one(stream: Any) -> None:
        async for events in stream.take_events(4096, within=0.01):
            by_partition: dict[int, list[Event]] = {}
            for event in events:
                by_partition.setdefault(event.message.partition, []).append(event)
            await asyncio.gather(*(app.shards.process(p, group, count) for p, group in by_partition.items()))

    app.agent(source, name="count")(in_lists if batched else one_by_one)
    await run(app, stop)


if __name__ == "__main__":
    logging.basicConfig(
        level=os.environ.get("LEVEL", "WARNING"), format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), batched=sys.argv[3] == "batched"))
