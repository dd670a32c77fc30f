"""Every task and thread of a worker at work is guarded: what it raises ends the process."""

import asyncio
import random
import re
import signal
from pathlib import Path

import pytest

from schemas.settings import Settings
from tests.agents.index_bench import Bench
from tests.agents.trainer_process import SMALL, events_of
from tests.agents.trainer_process import publish as publish_exposures
from tests.endings.forked import changed, forked

pytestmark = pytest.mark.timeout(180)

REPOSITORY = Path(__file__).parents[2]
OURS = tuple(f"{REPOSITORY / package}/" for package in ("agents", "tables", "serving", "infra", "client"))
# A reader raises what this one met in its next poll, and who polls is guarded; the others are awaited by the main task.
READERS = {"topic ids"}
AWAITED = {"trainer": READERS, "indexer": READERS, "server": READERS | {"follower", "web", "stop"}}
MAIN = "Task-1"
# The main thread's exceptions end it; executors hand theirs to whoever awaits; Faust's consumer crashes its app, which
# is guarded; what the others raise comes to `threading.excepthook`, which is ours.
THREADS = re.compile(r"MainThread|watch|(training|placing) thread_0|asyncio_\d|Thread-\d+.*|ThreadPoolExecutor-.*")
WORKING = {"trainer": "model ready", "indexer": "shard ready", "server": "ready"}  # what each says then
EXPECTED = {
    "trainer": {"event loop", "lock", "trainer lock", "items", "clusters", "watchdog", "worker", "faust crash"},
    "indexer": {"event loop", "parameters", "watchdog", "measure", "faust crash"},
    "server": {"event loop"},
}


@pytest.mark.parametrize("role", ["trainer", "indexer", "server"])
async def test_nothing_runs_without_a_guard(settings_with_topics: Settings, role: str) -> None:
    settings = settings_with_topics.model_copy(update={"model": SMALL})
    await Bench(settings).publish({"i": {"category": "c1"}})
    await publish_exposures(settings, events_of(random.Random(0), 20))  # noqa: S311
    own = {"port": 0} if role == "server" else {"metrics_port": 0, "session_timeout_s": 30}
    with forked(role, changed(settings, role, **own), "tells_of_its_tasks") as process:
        await asyncio.to_thread(process.until, WORKING[role])
        process.signal(signal.SIGUSR1)
        await asyncio.to_thread(process.until, "told")
        tasks, threads = process.lines("task"), process.lines("thread")
    guarded = {task["name"] for task in tasks if task["guarded"]}
    assert EXPECTED[role] <= guarded
    ours = {task["name"] for task in tasks if task["file"].startswith(OURS) and not task["guarded"]}
    loose = {name for name in ours if not re.fullmatch(r"Task-\d+", name)}
    assert loose <= AWAITED[role], loose
    assert len(ours - loose) <= 1, f"only {MAIN} has no name: {ours}"
    assert all(THREADS.fullmatch(thread["name"]) for thread in threads), threads
