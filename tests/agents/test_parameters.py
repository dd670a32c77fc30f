"""The follower of `parameters` on a real broker: ready on an empty topic, then every version, also of a new model."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from streamvq_client import changelog
from streamvq_client.snapshot import read_topic
from structlog.testing import capture_logs

from agents.parameters import ParametersFollower
from agents.placer import Placer, Stage
from agents.replica import ParameterRecords, Replica
from pipeline.learner import Learner
from schemas.kafka import connection
from schemas.settings import Settings
from tables.pulse import Pulses
from tests.agents.index_bench import CONFIG, Bench
from tests.tables.chaos import until

DEADLINE_S = 30
ITEMS = ["a", "b", "c"]


BEHIND_S = 1800.0
"""Half of the hour that compaction leaves alone."""


class Clock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which a reader knows how long it was away."""
    clock = Clock()
    monkeypatch.setattr(changelog, "steady_now", clock)
    return clock


@pytest.fixture
async def placer(settings_with_topics: Settings, clock: Clock) -> AsyncIterator[Placer]:
    """A placer whose follower has read the empty topic."""
    settings = settings_with_topics
    pulses = Pulses()
    placer = Placer(pulses.add("placing thread", 60), threads=1, whole_s=600)
    follower = ParametersFollower(
        connection(settings.kafka), settings.topics.parameters, placer, pulses.stream("parameters", 60)
    )
    task = asyncio.create_task(follower.run())
    try:
        await asyncio.wait_for(follower.ready.wait(), DEADLINE_S)
        yield placer
    finally:
        task.cancel()
        await asyncio.wait([task])
        placer.close()


async def reached(placer: Placer, version: int) -> None:
    async def there() -> bool:
        return placer.version == version

    await until(there, DEADLINE_S, lambda: f"version {placer.version} instead of {version}")


async def test_every_version_arrives(settings_with_topics: Settings, placer: Placer) -> None:
    bench = Bench(settings_with_topics)
    assert (placer.stage, placer.version) == (Stage.NOTHING, 0)
    bench.learn(ITEMS, steps=1)
    await reached(placer, await bench.publish_model())
    assert placer.stage == Stage.TOWERS
    assert not placer.beyond(Stage.TOWERS).is_set()
    bench.learn(ITEMS)
    await reached(placer, await bench.publish_model())
    assert placer.stage == Stage.CODEBOOK
    assert placer.beyond(Stage.NOTHING).is_set()
    assert placer.beyond(Stage.TOWERS).is_set()
    assert not placer.beyond(Stage.CODEBOOK).is_set()
    placed = await placer.place(ITEMS, [{}] * 3, [-1] * 3)
    assert placed.clusters_n.tolist() == bench.learner.place(ITEMS, [{}] * 3, None).clusters_n.tolist()


async def test_taking_in_a_whole_model_may_take_longer_than_a_step(
    settings_with_topics: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench, pulse = Bench(settings_with_topics), Pulses().add("placing thread", 45)
    placer = Placer(pulse, threads=1, whole_s=600)
    limits: list[float] = []
    feed = Replica.feed

    def watched(replica: Replica, records: ParameterRecords, *, complete: bool) -> bool:
        limits.append(pulse.limit_s)
        return feed(replica, records, complete=complete)

    monkeypatch.setattr(Replica, "feed", watched)
    bench.learn(ITEMS)
    await bench.publish_model()
    topic = settings_with_topics.topics.parameters
    records = [(r.key, r.value) async for r in read_topic(connection(settings_with_topics.kafka), topic)]
    for _ in range(2):
        assert await placer.feed(records, complete=True)
        await placer.place(ITEMS, [{}] * 3, [-1] * 3)
        await placer.feed([], complete=True)
        await placer.read_again()
    placer.close()
    assert limits == [600, 45, 600, 45]
    assert pulse.limit_s == 45


async def test_a_new_configuration_replaces_the_model(settings_with_topics: Settings, placer: Placer) -> None:
    bench = Bench(settings_with_topics)
    bench.learn(ITEMS)
    await reached(placer, await bench.publish_model())
    bench.announce(Learner(replace(CONFIG, gamma=0.5)))
    bench.learn(ITEMS)
    await reached(placer, await bench.publish_model())
    placed = await placer.place(ITEMS, [{}] * 3, [-1] * 3)
    vectors = bench.learner.model.items(ITEMS, [{}] * 3)
    assert placed.bias_nt == pytest.approx(vectors.bias_nt, abs=1e-5)


async def test_who_slept_for_long_reads_all_again(settings_with_topics: Settings, placer: Placer, clock: Clock) -> None:
    bench = Bench(settings_with_topics)
    with capture_logs() as logs:
        # Half of what counts as far behind: nothing says that the follower looks between two of them.
        for slept_s, lines in ((BEHIND_S / 2, 1), (BEHIND_S / 2, 1), (4 * BEHIND_S, 2)):
            clock.now += slept_s
            bench.learn(ITEMS)
            await reached(placer, await bench.publish_model())
            assert len(logs) == lines
    assert "asleep or busy" in logs[-1]["reason"]
