"""Exactly once through kill -9: whatever was published is counted once, and the next trainer goes on from there."""

import random
from collections import Counter
from contextlib import ExitStack
from typing import Any

import pytest

from schemas.settings import Settings
from tests.agents.trainer_process import (
    DEADLINE_S,
    START,
    counted,
    dead_letters,
    events_of,
    group_offsets,
    last_commit,
    publish,
    small,
    started,
    until_learnt,
)
from tests.tables.chaos import until

pytestmark = pytest.mark.timeout(300)

GOOD = {"user_id": "u2", "item_id": "good", "timestamp": START}
POISON: list[tuple[str, Any]] = [
    ("u1", b"not json"),
    ("u2", [GOOD | {"timestamp": 5}, GOOD, 7]),
    ("u3", []),
    ("u4", GOOD | {"labels": {"unknown": 1}}),
]


async def test_a_standby_takes_over_and_every_event_counts_once(settings_with_topics: Settings) -> None:
    settings = settings_with_topics
    rng = random.Random(7)  # noqa: S311
    clean = events_of(rng, 300)
    records = clean[:150] + POISON + clean[150:]
    wanted = Counter(event["item_id"] for _, events in clean for event in events) + Counter({"good": 1})
    with ExitStack() as stack:
        first = stack.enter_context(started(small(settings, "a")))
        await publish(settings, records[:120])
        await until_learnt(first, settings, 640)
        second = stack.enter_context(started(small(settings, "b")))

        async def waits() -> bool:
            return "standing by" in second.log

        await until(waits, DEADLINE_S, lambda: second.log)
        await publish(settings, records[120:])
        await until_learnt(first, settings, 2560)
        first.kill()
        await until_learnt(second, settings, wanted.total())
        assert second.stop() == 0, second.log
    assert await counted(settings) == wanted
    assert len(await dead_letters(settings)) == 4
    commit = await last_commit(settings)
    assert commit is not None
    assert commit.clock == wanted.total()
    assert commit.offsets == await group_offsets(settings)
    assert not commit.within
