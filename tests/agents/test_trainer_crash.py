"""Exactly once through kill -9: whatever was published is counted once, and the next trainer goes on from there."""

import random
from collections import Counter

from schemas.settings import Settings
from tests.agents.trainer_process import (
    TrainerProcess,
    counted,
    dead_letters,
    events_of,
    group_offsets,
    last_commit,
    publish,
    small,
)
from tests.tables.chaos import until

POISON = [
    ("u1", b"not json"),
    (
        "u2",
        [
            {"user_id": "u2", "item_id": "i1", "timestamp": 5},
            {"user_id": "u2", "item_id": "good", "timestamp": 1_700_000_000_000},
            7,
        ],
    ),
    ("u3", []),
    ("u4", {"user_id": "u4", "item_id": "i1", "timestamp": 1_700_000_000_000, "labels": {"never": 1}}),
]


async def clock(settings: Settings) -> int:
    commit = await last_commit(settings)
    return commit.clock if commit else -1


async def test_a_standby_takes_over_and_every_event_counts_once(settings_with_topics: Settings) -> None:
    settings = settings_with_topics
    rng = random.Random(7)
    records = events_of(rng, 150) + POISON + events_of(rng, 150)
    wanted = Counter(
        event["item_id"]
        for _, events in records
        if isinstance(events, list)
        for event in events
        if isinstance(event, dict) and event["timestamp"] > 5
    )
    first = TrainerProcess(small(settings, "a"))
    second = None
    try:
        await publish(settings, records[:120])
        await until(lambda: _learnt(settings, 640), 40, lambda: first.log)
        second = TrainerProcess(small(settings, "b"))
        await until(lambda: _said(second, "standing by"), 30, lambda: second.log)
        await publish(settings, records[120:])
        first.kill()
        total = sum(wanted.values())
        await until(lambda: _learnt(settings, total), 60, lambda: second.log)
        assert second.stop() == 0, second.log
    finally:
        for process in (first, second):
            if process is not None:
                process.kill()
    assert await counted(settings) == wanted
    assert len(await dead_letters(settings)) == 4
    commit = await last_commit(settings)
    assert commit is not None
    assert commit.clock == total
    assert commit.offsets == await group_offsets(settings)
    assert not commit.within


async def _learnt(settings: Settings, events: int) -> bool:
    return await clock(settings) >= events


async def _said(process: TrainerProcess, words: str) -> bool:
    return words in process.log
