"""Dead letters published again, on a real Kafka: each event once, whatever dies and however often it is asked for."""

import asyncio
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections import Counter
from typing import Any

import numpy as np
import pytest
from aiokafka import AIOKafkaProducer
from streamvq_client.record import Record
from streamvq_client.snapshot import read_topic

from infra.letters.found import Letters, Wanted
from infra.letters.replay import Replayed, replay
from schemas.dead_letters import REPLAY_OF, DeadLetter, encode_dead_letter
from schemas.kafka import connection
from schemas.limits import LIMITS
from schemas.settings import Settings
from tables.transaction import fenced

MANY = 2000
KILLS = 2
DEADLINE_S = 60.0


async def write(settings: Settings, letters: list[DeadLetter]) -> None:
    async with AIOKafkaProducer(**connection(settings.kafka), linger_ms=5, max_request_size=8 << 20) as producer:
        for letter in letters:
            key, value, headers = encode_dead_letter(letter)
            await producer.send(settings.topics.dead_letters, value, key=key, headers=headers)
        await producer.flush()


async def published(settings: Settings, topic: str | None = None) -> list[Record]:
    return [record async for record in read_topic(connection(settings.kafka), topic or settings.topics.exposures)]


async def replayed(settings: Settings, *arguments: Any, **options: Any) -> Replayed:
    """Replay until readers see it: the markers follow the end of a transaction, and the next one waits for them."""
    done = await replay(settings, *arguments, **options)
    async with fenced(connection(settings.kafka), f"{settings.topics.dead_letters}-replay"):
        return done


def letter(settings: Settings, offset: int, **changes: object) -> DeadLetter:
    usual: dict[str, object] = {
        "reason": "unknown_task",
        "detail": "",
        "topic": settings.topics.exposures,
        "partition": offset % 2,
        "offset": offset,
        "key": b"u%d" % offset,
        "value": b'{"item_id":"i%d"}' % offset,
    }
    return DeadLetter(**(usual | changes))  # type: ignore[arg-type]


async def test_an_event_goes_back_as_it_came_and_once(settings_with_topics: Settings) -> None:
    settings = settings_with_topics
    item = letter(settings, 9, topic=settings.topics.candidates, key=b"\xff", value=None)
    element = letter(settings, 3, index=7)
    await write(settings, [element, item, letter(settings, 4)])
    assert await replayed(settings, Wanted()) == Replayed(published=3)
    first, second = sorted(await published(settings), key=lambda record: record.partition, reverse=True)
    assert (first.partition, first.key, first.value) == (1, b"u3", b'{"item_id":"i3"}')
    assert first.headers == ((REPLAY_OF, f"{settings.topics.exposures}[1]@3#7".encode()),)
    assert (second.partition, second.key) == (0, b"u4")
    (deletion,) = await published(settings, settings.topics.candidates)
    assert (deletion.partition, deletion.key, deletion.value) == (1, b"\xff", None)
    assert await replayed(settings, Wanted()) == Replayed(before=3)
    assert len(await published(settings)) == 2


async def test_only_what_is_wanted(settings_with_topics: Settings) -> None:
    settings = settings_with_topics
    await write(settings, [letter(settings, offset, reason=f"r{offset % 3}") for offset in range(12)])
    places = [found async for found in Letters(settings).read(Wanted())]
    assert (await replayed(settings, Wanted(reason="r1"), dry_run=True)).published == 4
    assert await published(settings) == []
    assert (await replayed(settings, Wanted(reason="r1"), limit=3)).published == 3
    assert sorted(record.key or b"" for record in await published(settings)) == [b"u1", b"u4", b"u7"]
    assert (await replayed(settings, Wanted(key=b"u5"))).published == 1
    assert (await replayed(settings, Wanted(topic=settings.topics.candidates))).published == 0
    assert (await replayed(settings, Wanted(until=places[0].time))).published == 0
    assert await replayed(settings, Wanted(since=places[0].time)) == Replayed(published=8, before=4)


async def test_what_cannot_go_back_says_why(settings_with_topics: Settings) -> None:
    settings = settings_with_topics
    again = letter(settings, 5, replay_of="exposures[0]@1")
    await write(
        settings,
        [
            letter(settings, 0, topic="elsewhere"),
            letter(settings, 1, value=b"x" * (LIMITS.value_bytes + 1)),
            letter(settings, 2, key=b"k" * 100_000),
            letter(settings, 3, value=None),
            again,
        ],
    )
    done = await replayed(settings, Wanted())
    assert (done.published, await published(settings)) == (0, [])
    assert done.refused == Counter(
        {
            "not of a topic that workers read": 1,
            "cut, the whole of it is not here": 2,
            "without a value": 1,
            "failed again after a replay, see --again": 1,
        }
    )
    assert (await replayed(settings, Wanted(), again=True)).published == 1


async def test_a_letter_that_is_there_twice_goes_back_once(settings_with_topics: Settings) -> None:
    copied = letter(settings_with_topics, 1)
    await write(settings_with_topics, [copied, copied])
    assert await replayed(settings_with_topics, Wanted()) == Replayed(published=1, before=1)


@pytest.mark.timeout(300)
async def test_killed_at_any_moment_it_publishes_each_event_once(settings_with_topics: Settings) -> None:
    settings = settings_with_topics
    await write(settings, [letter(settings, offset) for offset in range(MANY)])
    seed = time.time_ns() % (1 << 32)
    print(f"seed {seed}")
    chance = np.random.default_rng(seed)
    for _ in range(KILLS):
        process = await started(settings)
        before = len(await published(settings))
        await until_more(settings, before, process)
        await asyncio.sleep(chance.uniform(0, 0.2))  # a moment within the next transaction
        if process.returncode is None:
            process.kill()
        await process.wait()
    last = await started(settings)
    async with asyncio.timeout(DEADLINE_S):
        assert await last.wait() == 0
    assert (await replayed(settings, Wanted())).published == 0
    counts = Counter(record.key for record in await published(settings))
    assert set(counts.values()) == {1}
    assert len(counts) == MANY


@pytest.mark.timeout(300)
async def test_two_at_once_publish_each_event_once(settings_with_topics: Settings) -> None:
    settings = settings_with_topics
    await write(settings, [letter(settings, offset) for offset in range(MANY)])
    both = [await started(settings), await started(settings)]
    async with asyncio.timeout(DEADLINE_S):
        codes = {await process.wait() for process in both}
    assert codes <= {0, 3, 4}, "done, or fenced by the other one: to aiokafka an unknown error, now and then"
    await replayed(settings, Wanted())
    counts = Counter(record.key for record in await published(settings))
    assert (set(counts.values()), len(counts)) == ({1}, MANY)


async def started(settings: Settings) -> Process:
    variables = settings.environment() | {"PATH": "/usr/bin:/bin"}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "infra.cli", "dead-letters", "replay"), env=variables, stdout=DEVNULL
    )


async def until_more(settings: Settings, before: int, process: Process) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while process.returncode is None and len(await published(settings)) <= before:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)
