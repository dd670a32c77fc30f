"""`svq publish`: years of events into an empty stack at full speed, each once, and learnt as of when they happened."""

import asyncio
import csv
import json
import os
import random
import signal
import time
from bisect import insort
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec
import pytest
from streamvq_client.rows import decode_history

from infra.bulk import EVENTS_A_TRANSACTION, publish_events
from infra.event_files import EventFile, Published, open_events
from schemas.errors import SettingsError
from schemas.retriever import ModelSettings
from schemas.settings import Settings
from schemas.workers import TrainerSettings
from tests.agents.trainer_process import PROCESSES, counted, last_commit, started, until_learnt
from tests.infra.command_line import Command
from tests.tables.chaos import until
from tests.tables.kafka_state import read_rows, read_topic

pytestmark = pytest.mark.timeout(400)

EVENTS, USERS, ITEMS, YEARS = 30_000, 600, 200, 4
BEGIN_S, YEAR_S = 1_500_000_000, 31_557_600
HISTORY = 10
DEADLINE_S = 30.0
Row = tuple[str, str, int, int]


def years_of_events(file: Path) -> list[Row]:
    """A file as public sets are: user, item, rating, seconds; not in order of time."""
    rng = random.Random(4)  # noqa: S311
    rows = [
        (
            f"u{min(int(rng.paretovariate(0.9)), USERS)}",
            f"i{min(int(rng.paretovariate(0.7)), ITEMS)}",
            rng.randrange(1, 6),
            BEGIN_S + YEARS * YEAR_S * number // EVENTS,
        )
        for number in range(EVENTS)
    ]
    shuffled = rng.sample(rows, len(rows))
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["user_id", "item_id", "rating", "timestamp"])
        writer.writerows(shuffled)
    return rows


class Dying:
    """The file, and the end of the process in the middle of it."""

    def __init__(self, file: EventFile) -> None:
        self._file = file

    def digest(self) -> str:
        return self._file.digest()

    def read(self, skip: int) -> Iterator[tuple[float, Published]]:
        yield from islice(self._file.read(skip), EVENTS - 2000)
        os.kill(os.getpid(), signal.SIGKILL)


def die_on_the_way(settings: str, file: str) -> None:
    events = Dying(open_events(Path(file), None, None, ["rating>=4"]))
    asyncio.run(publish_events(Settings.model_validate_json(settings), events, 2))


async def published(settings: Settings) -> list[dict[str, object]]:
    """Every exposure that readers see now, by partition."""
    records = await read_topic(
        settings.kafka.bootstrap_servers, settings.topics.exposures, range(settings.kafka.partitions)
    )
    return [event for record in records for event in msgspec.json.decode(record.value or b"[]")]


async def all_published(settings: Settings, number: int) -> list[dict[str, object]]:
    """The same once there are so many: the marker that lets readers see a transaction follows its end."""
    found: list[dict[str, object]] = []

    async def there() -> bool:
        found[:] = await published(settings)
        return len(found) >= number

    await until(there, DEADLINE_S, lambda: f"{len(found)} of {number} exposures")
    return found


async def test_years_of_events_are_learnt_as_of_when_they_happened(
    settings_with_topics: Settings, svq: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, file = settings_with_topics, tmp_path / "ratings.csv"
    rows = years_of_events(file)
    refused = await svq("publish", str(file), "--task", "rating>=4")
    assert "[tasks.rating_4]" in str(refused.exception)
    monkeypatch.setenv("SVQ_TASKS", '{"rating_4": {}}')
    process = PROCESSES.Process(target=die_on_the_way, args=(settings.model_dump_json(), str(file)))
    process.start()
    await asyncio.to_thread(process.join, 90)
    assert process.exitcode == -signal.SIGKILL
    before = len(await published(settings))
    told = await svq.json("publish", str(file), "--task", "rating>=4")
    assert told["before"] == EVENTS_A_TRANSACTION > before > 0
    assert told["published"] == EVENTS + len({item for _, item, *_ in rows}) - told["before"]
    assert (await svq.json("publish", str(file), "--task", "rating>=4"))["published"] == 0
    events = await all_published(settings, EVENTS)
    assert sorted((e["user_id"], e["item_id"], e["timestamp"]) for e in events) == sorted(
        (user, item, 1000 * second) for user, item, _, second in rows
    )
    model = ModelSettings(dim=16, id_dim=16, hidden=32, batch=256, codes=8, start_steps=10, history=HISTORY)
    worker = TrainerSettings(folder=tmp_path / "trainer", session_timeout_s=6)
    learning = settings.model_copy(
        update={"model": model, "trainer": worker, "tasks": {"rating_4": next(iter(settings.tasks.values()))}}
    )
    begun = time.monotonic()
    with started(learning) as trainer:
        await until_learnt(trainer, learning, EVENTS)
        learnt = EVENTS / (time.monotonic() - begun)
        print(f"{EVENTS} events: {told['events_a_second']} a second published, {learnt:.0f} learnt from a cold start")
        assert trainer.stop() == 0, trainer.log
    commit = await last_commit(learning)
    assert commit is not None
    assert commit.clock == EVENTS
    assert sum((await counted(learning)).values()) == EVENTS
    liked: dict[str, list[int]] = {}
    for user, _, rating, second in rows:
        if rating >= 4:
            insort(liked.setdefault(user, []), 1000 * second)
    topic = learning.topics.histories_changelog
    histories = await read_rows(learning.kafka.bootstrap_servers, topic, range(learning.kafka.partitions))
    found = {key.decode(): decode_history(value).times[-HISTORY:] for (_, key), value in histories.items()}
    assert found == {user: times[-HISTORY:] for user, times in liked.items()}


async def test_json_lines_are_published_as_they_are(
    settings_with_topics: Settings, svq: Command, tmp_path: Path
) -> None:
    file, noon = tmp_path / "events.ndjson", 1_600_000_000_000
    events = [
        {"item_id": "i1", "timestamp": noon, "features": {"category": ["a"]}},
        {"user_id": "u1", "item_id": "i1", "timestamp": noon + 1, "labels": {"click": 1}, "context": {"hour": 3}},
        {"user_id": "u2", "item_id": "i1", "timestamp": noon + 2},
    ]
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    assert (await svq.json("publish", str(file)))["published"] == len(events)
    exposures = await all_published(settings_with_topics, 2)
    assert sorted(exposures, key=lambda event: str(event["user_id"])) == events[1:]
    assert (await svq.json("publish", str(file)))["published"] == 0  # its producer waits for the end of the first one's
    candidates = await read_topic(
        settings_with_topics.kafka.bootstrap_servers, settings_with_topics.topics.candidates, range(2)
    )
    assert [(record.key, json.loads(record.value)) for record in candidates] == [(b"i1", events[0])]
    assert (await svq.json("publish", str(file), "--again"))["published"] == len(events)
    file.write_text(json.dumps(events[2] | {"timestamp": noon + 10**9}) + "\n" + json.dumps(events[1]) + "\n")
    refused = await svq("publish", str(file))
    assert isinstance(refused.exception, SettingsError)
    assert "sort the file" in str(refused.exception)
    file.write_text("{\n")
    refused = await svq("publish", str(file))
    assert "line 1 is no event" in str(refused.exception)


async def test_a_rate_is_kept_and_columns_of_items_are_carried(
    settings_with_topics: Settings, svq: Command, tmp_path: Path
) -> None:
    events, items = tmp_path / "events.csv", tmp_path / "items.csv"
    rows = [f"u{n % 5},i{n % 9},{BEGIN_S + n},{n % 2}" for n in range(31)]
    events.write_text("\n".join(["user_id,item_id,timestamp,click", *rows]))
    items.write_text("item_id,title,price\n" + "".join(f"i{n},Thing {n},{n / 2}\n" for n in range(9)))
    given = ["publish", str(events), "--items", str(items), "--attribute", "title", "--attribute", "price"]
    told = await svq.json(*given, "--rate", "20")
    assert told["published"] == 40
    assert told["seconds"] >= (40 - 5) / 20, "the first quarter of a second at once, then as it is due"
    candidates = await read_topic(
        settings_with_topics.kafka.bootstrap_servers, settings_with_topics.topics.candidates, range(2)
    )
    carried = {record.key: json.loads(record.value or b"")["attributes"] for record in candidates}
    assert carried == {f"i{n}".encode(): {"title": f"Thing {n}", "price": n / 2} for n in range(9)}
    refused = await svq("publish", str(events), "--attribute", "title")
    assert "give that with --items" in str(refused.exception)
    refused = await svq("publish", str(events), "--items", str(items), "--attribute", "colour")
    assert "no column colour" in str(refused.exception)
