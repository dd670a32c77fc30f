"""A worker whose disk is full says so and ends; nothing is lost, and it goes on where it was once there is room."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.chaos.disk import SmallDisk, unable
from schemas.errors import ResourceError
from schemas.settings import Settings
from tests.agents.trainer_process import (
    DEADLINE_S,
    TrainerProcess,
    counted,
    events_of,
    publish,
    small,
    started,
    until_learnt,
)

pytestmark = pytest.mark.timeout(240)

BEFORE, AFTER = 50, 400  # records; the latter are more rows than fit the last page of the log


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    if reason := unable(tmp_path / "probe"):
        pytest.skip(f"no small disk can be mounted here: {reason}")
    with SmallDisk(tmp_path / "disk") as mounted:
        yield mounted


def says_what_is_full(trainer: TrainerProcess, disk: SmallDisk) -> bool:
    last = trainer.log.strip().splitlines()[-1]
    return str(disk.folder) in last and "No space left" in last and "Make room" in last


async def test_a_trainer_on_a_full_disk_ends_and_comes_back(settings_with_topics: Settings, disk: SmallDisk) -> None:
    settings = small(settings_with_topics, str(disk.folder / "trainer"))
    records = events_of(random.Random(13), BEFORE + AFTER)  # noqa: S311
    wanted = Counter(event["item_id"] for _, events in records for event in events)
    with started(settings) as trainer:
        await publish(settings, records[:BEFORE])
        await until_learnt(trainer, settings, 640)
        disk.fill()
        await publish(settings, records[BEFORE:])
        assert trainer.wait(DEADLINE_S) == ResourceError.exit_code, trainer.log
        assert says_what_is_full(trainer, disk), trainer.log
    with started(settings) as trainer:
        assert trainer.wait(DEADLINE_S) == ResourceError.exit_code, trainer.log
        assert says_what_is_full(trainer, disk), trainer.log
    disk.clear()
    with started(settings) as trainer:
        await until_learnt(trainer, settings, wanted.total())
        assert trainer.stop() == 0, trainer.log
        assert "rebuilding" not in trainer.log, "a full disk is no damage"
    assert await counted(settings) == wanted
