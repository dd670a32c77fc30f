"""The indexer as a process on a real broker: what applications and the trainer publish becomes rows, once."""

import asyncio
from collections.abc import Iterator
from itertools import count

import pytest

from infra.letters.found import Wanted
from infra.letters.replay import replay
from infra.topics import create_topics
from schemas.dead_letters import DeadLetter, decode_dead_letter, decode_mark
from schemas.kafka import KafkaSettings
from schemas.settings import Settings
from tests.agents.index_bench import RUN, Bench, candidate
from tests.tables.chaos import Worker, until

DEADLINE_S = 30
_names = count()


@pytest.fixture(scope="module")
def bench(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """An indexer at work, with a model that files items, and hardly ever a scan."""
    folder = tmp_path_factory.mktemp("indexer")
    kafka = KafkaSettings(bootstrap_servers=bootstrap, prefix=f"t{folder.stat().st_ino}", partitions=2)
    settings = Settings(data=folder, kafka=kafka)
    asyncio.run(create_topics(settings))
    bench = Bench(settings)
    bench.learn([f"known-{i}" for i in range(40)])
    asyncio.run(bench.publish_model())
    worker = Worker(RUN, bench.environment(folder, scan_interval_s=600))
    try:
        yield bench
        assert worker.stop() == 0
    finally:
        worker.end()


@pytest.fixture
def item() -> str:
    """An id that no other test uses."""
    return f"item-{next(_names)}"


async def indexed(bench: Bench, *items: str) -> None:
    """Wait until these items have index rows."""
    missing: list[str] = []

    async def all_there() -> bool:
        index = await bench.index()
        missing[:] = [item for item in items if item not in index]
        return not missing

    await until(all_there, DEADLINE_S, lambda: f"not indexed: {missing}")


async def exposed(bench: Bench, item: str, exposures: int) -> None:
    """Wait until the row of an item counts so many exposures."""

    async def counted() -> bool:
        row = (await bench.index()).get(item)
        return row is not None and row.exposures == exposures

    await until(counted, DEADLINE_S, lambda: f"{item} never counted {exposures}")


async def test_a_candidate_is_filed_at_once(bench: Bench) -> None:
    items = {f"a-{i}": {"category": f"c{i % 3}"} for i in range(30)}
    await bench.publish(items)
    await indexed(bench, *items)
    index, rows = await bench.index(), await bench.items()
    expected = bench.learner.place(list(items), list(items.values()))
    for n, item in enumerate(items):
        assert rows[item].features == items[item]
        assert index[item].clusters == [expected.clusters_n[n]]
        assert index[item].bias == pytest.approx(expected.bias_nt[n].tolist(), abs=1e-5)
        assert index[item].version == bench.version
        assert (index[item].popularity, index[item].exposures) == ([], 0)
    await bench.check_sums()


async def test_a_candidate_published_again_keeps_what_was_counted(bench: Bench, item: str) -> None:
    await bench.publish({item: {"category": "c1"}})
    await indexed(bench, item)
    await bench.assign(bench.block({item: 4}, {item: 2}, bench.version + 5))
    await exposed(bench, item, 4)
    await bench.publish({item: {"category": "c2"}})

    async def changed() -> bool:
        return (await bench.items())[item].features == {"category": "c2"}

    await until(changed, DEADLINE_S, lambda: "the new features never arrived")
    row = (await bench.index())[item]
    # The trainer's version is newer than the replica's: its placement stays until the replica has caught up.
    assert (row.exposures, row.popularity[0], row.version, row.clusters) == (4, 3.0, bench.version + 5, [2])
    await bench.check_sums()


async def test_a_deleted_item_leaves_a_mark_and_stays_deleted(bench: Bench, item: str) -> None:
    await bench.publish({item: {"category": "c1"}})
    await indexed(bench, item)
    await bench.publish({item: None})

    async def gone() -> bool:
        return item not in await bench.index()

    await until(gone, DEADLINE_S, lambda: "the index row stayed")
    unfiled = (await bench.clusters()).get(-1)
    before = unfiled.exposures if unfiled else 0
    assert (await bench.items())[item].deleted is not None
    await bench.assign(bench.block({item: 7}, {item: 1}, bench.version + 10))

    async def counted() -> bool:
        row = (await bench.clusters()).get(-1)
        return row is not None and row.exposures == before + 7

    await until(counted, DEADLINE_S, lambda: "exposures of a deleted item were lost")
    assert item not in await bench.index()
    await bench.check_sums()
    await bench.publish({item: {"category": "c1"}})
    await indexed(bench, item)
    assert (await bench.items())[item].deleted is None


async def test_bad_input_goes_to_the_dead_letters_and_the_stream_goes_on(bench: Bench, item: str) -> None:
    bad = [(0, b"k", b"{"), (0, None, b"{}"), (0, b"\xff", None)]
    await bench.send(bench.topics.candidates, bad)
    await bench.publish({item: {}})
    await indexed(bench, item)

    async def arrived() -> bool:
        return len(await bench.dead_letters()) >= len(bad)

    await until(arrived, DEADLINE_S, lambda: "dead letters are missing")
    letters = [decode_dead_letter(r.key, r.value, r.headers) for r in await bench.dead_letters()]
    assert [letter.reason for letter in letters] == ["not_json", "missing_id", "missing_id"]
    assert (letters[0].key, letters[0].value, letters[0].topic) == (b"k", b"{", bench.topics.candidates)


async def test_what_fails_again_after_a_replay_becomes_one_letter_that_says_so(bench: Bench, item: str) -> None:
    await bench.send(bench.topics.candidates, [(bench.home(item), item.encode(), b"[")])

    async def letters(count: int) -> list[DeadLetter]:
        found = [r for r in await bench.dead_letters() if decode_mark(r.headers) is None]
        ours = [
            letter
            for letter in (decode_dead_letter(r.key, r.value, r.headers) for r in found)
            if letter.key == item.encode()
        ]
        return ours if len(ours) == count else []

    async def first() -> bool:
        return bool(await letters(1))

    async def second() -> bool:
        return bool(await letters(2))

    await until(first, DEADLINE_S, lambda: "the letter is missing")
    wanted = Wanted(key=item.encode())
    assert (await replay(bench.settings, wanted)).published == 1
    await until(second, DEADLINE_S, lambda: "the second letter is missing")
    before, again = await letters(2)
    assert (before.replay_of, again.replay_of) == (None, before.place)
    done = await replay(bench.settings, wanted)
    assert (done.published, done.before, done.refused.total()) == (0, 1, 1)


async def test_a_candidate_away_from_home_is_sent_there(bench: Bench, item: str) -> None:
    away = 1 - bench.home(item)
    await bench.send(bench.topics.candidates, [(away, None, candidate(item, {"category": "c1"}))])
    await indexed(bench, item)  # which also checks that every row is in its home partition
    other = f"{item}-gone"
    await bench.publish({other: {}})
    await indexed(bench, other)
    await bench.send(bench.topics.candidates, [(1 - bench.home(other), other.encode(), None)])

    async def gone() -> bool:
        return other not in await bench.index()

    await until(gone, DEADLINE_S, lambda: "the deletion never came home")


async def test_the_newest_placement_wins_and_exposures_always_count(bench: Bench, item: str) -> None:
    await bench.publish({item: {"category": "c1"}})
    await indexed(bench, item)
    filed = (await bench.index())[item].clusters[0]
    before = await bench.clusters()
    newer, other = bench.version + 100, (filed + 1) % 8
    await bench.assign(bench.block({item: 3}, {item: other}, newer))
    await exposed(bench, item, 3)
    await bench.assign(bench.block({item: 2}, {item: filed}, newer - 1))
    await exposed(bench, item, 5)
    row, after = (await bench.index())[item], await bench.clusters()
    assert (row.clusters, row.version) == ([other], newer)
    # Counted where the item was filed when they came: first the old cluster, then the new one, although stale.
    assert after[filed].exposures - (before[filed].exposures if filed in before else 0) == 3
    assert after[other].exposures - (before[other].exposures if other in before else 0) == 2
    await bench.check_sums()


async def test_an_exposed_item_that_nobody_published_gets_a_bare_row(bench: Bench, item: str) -> None:
    await bench.assign(bench.block({item: 1}, {item: 3}, bench.version))
    await exposed(bench, item, 1)
    assert (await bench.index())[item].clusters == [3]
    row = (await bench.items())[item]
    assert (row.bare, row.features) == (True, {})
    await bench.publish({item: {"category": "c1"}})

    async def published() -> bool:
        return not (await bench.items())[item].bare

    await until(published, DEADLINE_S, lambda: "the candidate never replaced the bare row")
    await bench.check_sums()
