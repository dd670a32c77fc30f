"""A trainer whose clock jumps by hours, ahead and back: nothing is lost, late or stuck, and versions only grow."""

import os
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.chaos.clock import Clock, unable
from infra.child import Child
from infra.roles import process_environment, svq
from schemas.parameters import COMMIT_KEY, decode_commit
from schemas.settings import Settings
from tests.agents.trainer_process import counted, events_of, group_offsets, last_commit, publish, small
from tests.tables.chaos import until
from tests.tables.kafka_state import read_topic

DEADLINE_S, GRACE_S = 120.0, 60.0  # of a busy machine; how quickly a trainer ends is not the question here
HOUR_S = 3600
RECORDS, PER_RECORD = 60, 10  # at each time

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif("SVQ_TEST_CLOCKS" not in os.environ, reason="takes minutes: SVQ_TEST_CLOCKS=1 runs it"),
    pytest.mark.skipif(unable() is not None, reason=f"clocks cannot jump here: {unable()}"),
]


@contextmanager
def started(settings: Settings, clock: Clock, said: list[str]) -> Iterator[Child]:
    """A trainer that goes by the clock: a process of its own from the start, for the library to be loaded with it."""
    child = Child(svq("trainer"), env=process_environment(settings, clock.environment()), on_line=said.append).start()
    try:
        yield child
    finally:
        child.stop(0.0)


async def until_learnt(settings: Settings, trainer: Child, events: int, said: list[str]) -> None:
    async def learnt() -> bool:
        assert trainer.running, "\n".join(said)
        commit = await last_commit(settings)
        return commit is not None and commit.clock >= events

    await until(learnt, DEADLINE_S, lambda: "\n".join(said))


async def test_a_clock_that_jumps_holds_nothing_up(settings_with_topics: Settings, tmp_path: Path) -> None:
    settings, said = small(settings_with_topics, batch_deadline_ms=200), list[str]()
    clock, runs = Clock(tmp_path / "clock"), ((0, 5), (5, -6), (-6,))  # hours ahead: as it starts, as it works
    records = events_of(random.Random(17), RECORDS * sum(map(len, runs)), PER_RECORD)  # noqa: S311
    parts, events = [records[at : at + RECORDS] for at in range(0, len(records), RECORDS)], 0
    for hours in runs:
        with started(settings, clock, said) as trainer:
            for ahead in hours:
                clock.shift(ahead * HOUR_S)
                await publish(settings, parts.pop(0))
                events += RECORDS * PER_RECORD
                await until_learnt(settings, trainer, events, said)
            assert trainer.stop(GRACE_S) == 0, said
    written = await read_topic(settings.kafka.bootstrap_servers, settings.topics.parameters, [0])
    commits = [decode_commit(record.value or b"") for record in written if record.key == COMMIT_KEY]
    versions = [commit.version for commit in commits]
    assert versions == sorted(set(versions))
    times = [commit.time_ms for commit in commits]
    shown = [round((time - times[0]) / HOUR_S / 1000) for time in (max(times), times[-1])]
    assert shown == [5, -6], "its clock jumped"
    assert written[-1].timestamp >= written[0].timestamp, "records carry the broker's time"
    assert commits[-1].offsets == await group_offsets(settings)
    assert await counted(settings) == Counter(event["item_id"] for _, several in records for event in several)
