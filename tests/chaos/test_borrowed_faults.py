"""Faults for which the machine lends something: a clock, a disk, a proxy. On processes that stand in for workers."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from pathlib import Path

import pytest

from infra.chaos import clock, disk
from infra.chaos.faults import FAULTS, choose
from infra.chaos.options import Options
from infra.chaos.world import World
from infra.roles import Role
from infra.stack import Stack
from schemas.errors import InvariantError, ResourceError
from schemas.settings import Settings
from schemas.workers import ServerSettings

SLEEPER = "import threading; print('up', flush=True); threading.Event().wait(600)"
WRITER = f"""
import os, pathlib, threading
try:
    while True:
        (pathlib.Path(os.environ["SVQ_INDEXER__FOLDER"]) / "row").open("ab", 0).write(bytes(4096))
        threading.Event().wait(0.01)
except OSError as error:
    print("svq:", error, flush=True)
    os._exit({ResourceError.exit_code})
"""
LENDING = ("cut", "drop", "delay", "clock-jump", "disk-full")


@pytest.fixture
def world(settings: Settings, tmp_path: Path) -> Iterator[World]:
    """An indexer that fills its disk, and a server that sleeps, with what the faults want them to have."""
    own = settings.model_copy(update={"server": ServerSettings(port=0)})
    made = World(own, Options())
    with made.equipment:
        folder = {"SVQ_INDEXER__FOLDER": str(tmp_path / "indexer-0")}
        lending = [FAULTS[kind] for kind in LENDING if FAULTS[kind].unable(made) is None]
        for role in (
            Role("indexer-0", [sys.executable, "-c", WRITER], folder),
            Role("server-0", [sys.executable, "-c", SLEEPER]),
        ):
            made.roles[role.name] = reduce(lambda role, fault: fault.furnish(role, made), lending, role)
        with Stack(own, external=True, roles=lambda _: list(made.roles.values())) as stack:
            made.attach(stack)
            yield made


def shift_of(world: World, name: str) -> int:
    return int(Path(world.roles[name].environment["FAKETIME_TIMESTAMP_FILE"]).read_text())


@pytest.mark.skipif(clock.unable() is not None, reason=f"clocks cannot jump here: {clock.unable()}")
async def test_a_clock_jumps_and_comes_back(world: World) -> None:
    shifts = []
    for _ in range(2):
        async with FAULTS["clock-jump"].inflict(world, "server-0"):
            shifts.append(shift_of(world, "server-0"))
        assert shift_of(world, "server-0") == 0
    assert min(shifts) < -3600 < 3600 < max(shifts), "one ahead, one behind"


async def test_a_full_disk_ends_a_worker_which_comes_back_with_room(world: World, tmp_path: Path) -> None:
    if reason := disk.unable(tmp_path / "probe"):
        pytest.skip(f"no small disk can be mounted here: {reason}")
    before = world.process("indexer-0")
    async with FAULTS["disk-full"].inflict(world, "indexer-0"):
        assert world.process("indexer-0") is None, "away until there is room"
    after = world.process("indexer-0")
    assert after is not None
    assert after != before
    assert world.stack.failure is None


async def test_a_worker_that_does_not_mind_a_full_disk_is_a_finding(world: World, tmp_path: Path) -> None:
    if reason := disk.unable(tmp_path / "probe"):
        pytest.skip(f"no small disk can be mounted here: {reason}")
    world.roles["indexer-0"] = replace(world.roles["indexer-0"], command=[sys.executable, "-c", "print('fine')"])
    with pytest.raises(InvariantError, match="ended with 0, not 6: fine"):
        async with FAULTS["disk-full"].inflict(world, "indexer-0"):
            pass


async def test_the_way_to_kafka_leads_through_the_proxy_of_whoever_may_be_cut_off(world: World) -> None:
    told = {role.environment["SVQ_KAFKA__BOOTSTRAP_SERVERS"] for role in world.roles.values()}
    assert told == {world.proxy.bootstrap}


def test_what_needs_several_brokers_or_our_own_is_skipped_by_name(settings: Settings) -> None:
    _, skipped = choose(["cut", "brokers-in-turn"], World(settings, Options(brokers=3), external=True))
    assert skipped.keys() == {"cut", "brokers-in-turn"}
    _, skipped = choose(["cut", "brokers-in-turn"], World(settings, Options()))
    assert skipped == {"brokers-in-turn": "there is one broker only: --brokers 3"}
    assert choose(["cut", "brokers-in-turn"], World(settings, Options(brokers=3)))[1] == {}
