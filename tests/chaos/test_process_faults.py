"""Each fault of a process on processes that do nothing but live."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from infra.chaos.fault import MissedError
from infra.chaos.faults import FAULTS, choose
from infra.chaos.options import Options
from infra.chaos.world import World
from infra.roles import Role
from infra.stack import Stack
from schemas.errors import SettingsError
from schemas.settings import Settings
from schemas.workers import ServerSettings

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
DEADLINE_S = 20.0


@pytest.fixture
def world(settings: Settings, tmp_path: Path) -> Iterator[World]:
    """Two trainers, two indexers and a server that sleep; the Kafka is somebody else's."""
    own = settings.model_copy(update={"server": ServerSettings(port=0)})
    made = World(own, Options(), external=True)
    for name in ("trainer-0", "trainer-1", "indexer-0", "indexer-1", "server-0"):
        folder = {f"SVQ_{name.partition('-')[0].upper()}__FOLDER": str(tmp_path / name)}
        made.roles[name] = Role(name, [sys.executable, "-c", SLEEPER], {} if name == "server-0" else folder)
    with Stack(own, roles=lambda _: list(made.roles.values()), on_line=made.hear) as stack:
        made.attach(stack)
        yield made


async def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


def process(world: World, target: str) -> psutil.Process:
    found = world.process(target)
    assert found
    return found


@pytest.mark.parametrize("kind", ["kill", "stop"])
async def test_what_ends_is_started_again(world: World, kind: str) -> None:
    before = process(world, "indexer-1")
    async with FAULTS[kind].inflict(world, "indexer-1"):
        await until(lambda: not before.is_running() and world.process("indexer-1"))
    assert world.stack.restarts("indexer-1") == 1
    assert world.stack.restarts("indexer-0") == 0


async def test_what_is_held_up_goes_on(world: World) -> None:
    held = process(world, "server-0")
    async with FAULTS["pause"].inflict(world, "server-0"):
        await until(lambda: held.status() == psutil.STATUS_STOPPED)
    await until(lambda: held.status() != psutil.STATUS_STOPPED)


async def test_what_was_killed_while_it_was_held_up_is_no_error(world: World) -> None:
    held = process(world, "server-0")
    async with FAULTS["pause"].inflict(world, "server-0"):
        held.kill()
        await until(lambda: world.stack.restarts("server-0") == 1)


async def test_the_trainer_is_whoever_is_active(world: World) -> None:
    world.hear("trainer-1", '{"event":"active trainer"}')
    before = process(world, "trainer-1")
    async with FAULTS["kill"].inflict(world, "trainer"):
        await until(lambda: not before.is_running())
    assert world.stack.restarts("trainer-0") == 0


def test_who_says_that_it_is_active_no_longer_is_not_taken_for_the_active_one(world: World) -> None:
    world.hear("trainer-1", '{"event":"active trainer"}')
    world.hear("trainer-0", '{"reason":"this process is no longer the active trainer","event":"stopped"}')
    assert world.active == "trainer-1"


def test_faults_can_be_held_to_one_of_their_targets(world: World) -> None:
    chosen, _ = choose(["kill:trainer", "kill:indexer", "stop"], world)
    assert chosen["kill"].targets == ("trainer", "indexer")
    assert chosen["stop"].targets == FAULTS["stop"].targets
    with pytest.raises(SettingsError, match="kill does not hit broker; it hits trainer, indexer, server"):
        choose(["kill:broker"], world)


async def test_the_active_trainer_sleeps_until_another_one_took_over(world: World) -> None:
    held = process(world, "trainer-0")

    async def take_over() -> None:
        await until(lambda: held.status() == psutil.STATUS_STOPPED)
        world.hear("trainer-1", '{"event":"active trainer"}')

    taking = asyncio.create_task(take_over())
    async with FAULTS["two-trainers"].inflict(world, "trainer"):
        assert taking.done()
        await until(lambda: held.status() != psutil.STATUS_STOPPED)
    assert world.active == "trainer-1"


async def test_a_worker_comes_with_a_folder_of_its_own_and_goes(world: World) -> None:
    before = set(world.stack.roles)
    async with FAULTS["join"].inflict(world, "indexer-0"):
        (more,) = set(world.stack.roles) - before
        environment = process(world, more).environ()
        assert Path(environment["SVQ_INDEXER__FOLDER"]).name == more != "indexer-0"
    assert set(world.stack.roles) == before


async def test_a_worker_leaves_and_comes_back(world: World) -> None:
    before = process(world, "indexer-0")
    async with FAULTS["leave"].inflict(world, "indexer-0"):
        assert not before.is_running()
        assert world.process("indexer-0") is None
        with pytest.raises(MissedError):
            async with FAULTS["leave"].inflict(world, "indexer-0"):
                pass
    await until(lambda: world.process("indexer-0"))


async def test_a_worker_loses_its_folder(world: World, tmp_path: Path) -> None:
    kept, lost = tmp_path / "indexer-0" / "kept", tmp_path / "indexer-1" / "lost"
    for file in (kept, lost):
        file.parent.mkdir()
        file.touch()
    async with FAULTS["lose-folder"].inflict(world, "indexer-1"):
        assert not lost.parent.exists()
    await until(lambda: world.process("indexer-1"))
    assert kept.exists()


@pytest.mark.parametrize("kind", ["kill", "stop", "pause"])
async def test_what_is_down_is_missed(world: World, kind: str) -> None:
    await world.leave("server-0", 0.0)
    with pytest.raises(MissedError):
        async with FAULTS[kind].inflict(world, "server-0"):
            pass


def test_a_kafka_of_somebody_else_is_left_alone(world: World) -> None:
    unable = {kind for kind, fault in FAULTS.items() if fault.unable(world)}
    assert {"broker-kill", "broker-restart", "broker-pause"} <= unable
    assert not {"kill", "stop", "pause"} & unable
