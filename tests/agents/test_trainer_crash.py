"""Exactly once through kill -9: whatever was published is counted once, and the next trainer goes on from there."""

import random
import signal
from collections import Counter
from contextlib import ExitStack
from typing import Any

import pytest

from schemas.errors import FencedError
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
    until_said,
)

pytestmark = pytest.mark.timeout(300)

GOOD = {"user_id": "u2", "item_id": "good", "timestamp": START}
POISON: list[tuple[str, Any]] = [
    ("u1", b"not json"),
    ("u2", [GOOD | {"timestamp": 5}, GOOD, 7]),
    ("u3", []),
    ("u4", GOOD | {"labels": {"unknown": 1}}),
]


async def test_every_event_counts_once_through_a_pause_and_a_kill(settings_with_topics: Settings) -> None:
    settings = settings_with_topics
    clean = events_of(random.Random(7), 400)  # noqa: S311
    records = clean[:150] + POISON + clean[150:]
    wanted = Counter(event["item_id"] for _, events in clean for event in events) + Counter({"good": 1})
    with ExitStack() as stack:
        first = stack.enter_context(started(small(settings, "a")))
        await publish(settings, records[:100])
        await until_learnt(first, settings, 640)
        second = stack.enter_context(started(small(settings, "b")))
        await until_said(second, "standing by")
        await publish(settings, records[100:250])
        first.signal(signal.SIGSTOP)  # while it learns these
        await until_said(second, "shard ready")
        first.signal(signal.SIGCONT)
        assert first.wait(DEADLINE_S) == FencedError.exit_code, first.log
        await until_learnt(second, settings, 4000)
        await publish(settings, records[250:])
        await until_learnt(second, settings, 5500)
        second.kill()
        third = stack.enter_context(started(small(settings, "a")))  # in the folder of the first, which is behind
        await until_learnt(third, settings, wanted.total())
        assert third.stop() == 0, third.log
    assert await counted(settings) == wanted
    assert len(await dead_letters(settings)) == 4
    commit = await last_commit(settings)
    assert commit is not None
    assert commit.clock == wanted.total()
    assert commit.offsets == await group_offsets(settings)
    assert not commit.within
