"""Exactly once on a real broker: workers are killed and paused while a publisher aborts some of its transactions.

SVQ_CHAOS_SECONDS makes it longer, SVQ_CHAOS_SEED repeats a run.
"""

import asyncio
import os
import random
import uuid
from collections import Counter
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from rocksdict import Options, Rdict

from tables.marker import RESTORED
from tests.tables.chaos import fleet, torment, until
from tests.tables.counting_app import PARTITIONS, class_of
from tests.tables.kafka_state import read_rows, topics

SECONDS = float(os.environ.get("SVQ_CHAOS_SECONDS", "25"))
SEED = int(os.environ.get("SVQ_CHAOS_SEED", random.SystemRandom().randrange(10**6)))
RATE = 1500
KEYS = 2000
BATCH = 50
ABORTED = 0.1
ENDLESS_S = 85.0  # a session that does not end before a test does
PAUSE_S = (2.0, 9.0)  # some longer than the session timeout of 6 s: the other worker takes over meanwhile
APP = str(Path(__file__).with_name("counting_app.py"))


async def publish(bootstrap: str, topic: str, stop: asyncio.Event) -> Counter[bytes]:
    """Transactions of some events, a tenth of them aborted; what was committed."""
    rng, counts = random.Random(SEED), Counter[bytes]()  # noqa: S311
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=f"{topic}-publisher", retry_backoff_ms=3)
    await producer.start()
    try:
        while not stop.is_set():
            keys = [b"%d" % rng.randrange(KEYS) for _ in range(BATCH)]
            await producer.begin_transaction()
            for key in keys:
                await producer.send(topic, key=key, value=b"x", partition=int(key) % PARTITIONS)
            if rng.random() < ABORTED:
                await producer.abort_transaction()
            else:
                await producer.commit_transaction()
                counts.update(keys)
            await asyncio.sleep(BATCH / RATE)
    finally:
        await producer.stop()
    return counts


async def publish_one_each(bootstrap: str, topic: str) -> Counter[bytes]:
    """One event for each partition."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    keys = [b"%d" % partition for partition in range(PARTITIONS)]
    for partition, key in enumerate(keys):
        await producer.send_and_wait(topic, key=key, value=b"x", partition=partition)
    await producer.stop()
    return Counter(keys)


async def settle(bootstrap: str, changelog: str, published: int) -> None:
    """Wait until everything published is counted."""
    seen = 0

    async def counted() -> bool:
        nonlocal seen
        totals = await read_rows(bootstrap, changelog, range(PARTITIONS))
        seen = sum(int(value) for value in totals.values())
        return seen >= published

    await until(counted, 60, lambda: f"{seen} of {published} counted")


def local_rows(folder: Path, table: str) -> dict[tuple[int, bytes], bytes]:
    """What the databases of a stopped worker hold."""
    rows = {}
    for partition in range(PARTITIONS):
        path = next(folder.glob(f"**/tables/{table}-{partition}.db"))
        database = Rdict(str(path), Options(raw_mode=True))
        rows |= {(partition, key): value for key, value in database.items() if key != RESTORED}
        database.close()
    return rows


def by_class(counts: Counter[bytes]) -> Counter[bytes]:
    classes = Counter[bytes]()
    for key, n in counts.items():
        classes[class_of(key)] += n
    return classes


@pytest.mark.timeout(240 + 2 * int(SECONDS))
async def test_counts_are_exact_through_kills_and_pauses(bootstrap: str, tmp_path: Path) -> None:
    print(f"SVQ_CHAOS_SEED={SEED}")
    prefix = f"t-{uuid.uuid4().hex[:8]}"
    events, row_log, total_log = (f"{prefix}-{name}" for name in ("events", "rows-changelog", "totals-changelog"))
    environment = {"SVQ_TEST_BOOTSTRAP": bootstrap, "PYTHONPATH": str(Path(__file__).parents[2])}
    # Both ways in which a source can be declared take part in the same group.
    ways = {"first": "batched", "second": "single"}
    commands = [[APP, prefix, str(tmp_path / name), way] for name, way in ways.items()]
    async with topics(bootstrap, (events, row_log, total_log), PARTITIONS):
        stop = asyncio.Event()
        publishing = asyncio.create_task(publish(bootstrap, events, stop))
        async with fleet(commands, environment) as running:
            print(await torment(running.workers, SECONDS, PAUSE_S, SEED))
            stop.set()
            counts = await publishing
            await settle(bootstrap, total_log, counts.total())
            print("published", counts.total(), "exits", [worker.exits for worker in running.workers])
        # One worker alone takes over everything, with tables of which the other one wrote the latest part.
        async with fleet(commands[:1], environment) as running:
            counts += await publish_one_each(bootstrap, events)
            await settle(bootstrap, total_log, counts.total())
            assert await running.stop() == [0]
        rows = await read_rows(bootstrap, row_log, range(PARTITIONS))
        totals = await read_rows(bootstrap, total_log, range(PARTITIONS))
    assert {key: int(value) for (_, key), value in rows.items()} == dict(counts)
    added_up = Counter[bytes]()
    for (_, name), value in totals.items():
        added_up[name] += int(value)
    assert added_up == by_class(counts)
    assert local_rows(tmp_path / "first", "rows") == rows
    assert local_rows(tmp_path / "first", "totals") == totals


@pytest.mark.timeout(240)
async def test_a_worker_that_was_killed_and_started_again_does_not_wait_for_the_end_of_its_session(
    bootstrap: str, tmp_path: Path
) -> None:
    prefix = f"t-{uuid.uuid4().hex[:8]}"
    events, row_log, total_log = (f"{prefix}-{name}" for name in ("events", "rows-changelog", "totals-changelog"))
    environment = {
        "SVQ_TEST_BOOTSTRAP": bootstrap,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "SESSION_S": str(ENDLESS_S),
    }
    commands = [[APP, prefix, str(tmp_path / name), "batched"] for name in ("first", "second")]
    async with topics(bootstrap, (events, row_log, total_log), PARTITIONS):
        async with fleet(commands[:1], environment) as running:
            counts = await publish_one_each(bootstrap, events)
            await settle(bootstrap, total_log, counts.total())
            running.workers[0].process.kill()
            counts += await publish_one_each(bootstrap, events)
            await settle(bootstrap, total_log, counts.total())
            assert await running.stop() == [0]
        # It left in order, hence another one need not wait for it either.
        async with fleet(commands[1:], environment) as running:
            counts += await publish_one_each(bootstrap, events)
            await settle(bootstrap, total_log, counts.total())
            assert await running.stop() == [0]
