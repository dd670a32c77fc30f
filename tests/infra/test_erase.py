"""`svq erase user`: nothing of a user is left in Kafka but what the exposures hold until they age out."""

import json
import random
from collections import Counter

import pytest
from aiokafka import AIOKafkaProducer

from infra.letters.rewriting import count_letters_about, rewrite_without
from schemas.dead_letters import DeadLetter, arrival_ms, decode_dead_letter, encode_dead_letter
from schemas.errors import UnreachableError
from schemas.settings import Settings
from tests.agents.trainer_process import (
    START,
    events_of,
    last_commit,
    publish,
    small,
    started,
    until_learnt,
)
from tests.infra.command_line import Command
from tests.tables.chaos import until
from tests.tables.kafka_state import read_rows, read_topic

pytestmark = pytest.mark.timeout(300)

DEADLINE_S = 60.0
RECORDS, SIZE = 100, 20
STREAM = events_of(random.Random(2), RECORDS, SIZE)  # noqa: S311
USER = Counter(user for user, _ in STREAM).most_common(1)[0][0]


async def named(settings: Settings) -> dict[str, set[str]]:
    """Topic -> users that have a row in it."""
    topics, found = settings.topics, {}
    for topic, begin in (
        (topics.histories_changelog, b""),
        (topics.parameters, b"user/"),
        (topics.trainer_state, b"user/"),
    ):
        partitions = range(settings.kafka.partitions if begin == b"" else 1)
        rows = await read_rows(settings.kafka.bootstrap_servers, topic, partitions)
        found[topic] = {key.removeprefix(begin).decode() for _, key in rows if key.startswith(begin)}
    return found


async def letters(settings: Settings) -> list[DeadLetter]:
    records = await read_topic(settings.kafka.bootstrap_servers, settings.topics.dead_letters, [0])
    return [decode_dead_letter(record.key, record.value, record.headers) for record in records]


async def test_a_user_is_erased_while_the_trainer_learns(settings_with_topics: Settings, svq: Command) -> None:
    settings = small(settings_with_topics)
    poison = [(USER, b"{"), (USER, {"user_id": USER}), ("x", [{"user_id": USER, "item_id": 1, "timestamp": 1}]),
              (f"{USER}8", b"{"), ("v", {"user_id": f"v-{USER}"})]  # fmt: skip
    with started(settings) as trainer:
        await publish(settings, [*STREAM, *poison])
        await until_learnt(trainer, settings, RECORDS * SIZE)

        async def rejected() -> bool:
            return len(await letters(settings)) == len(poison)

        await until(rejected, DEADLINE_S, lambda: "dead letters are missing")
        before = await named(settings)
        assert all(USER in users for users in before.values()), (USER, before)
        assert (await svq.json("erase", "user", USER, "--dry-run"))["letters"] == 3
        assert await named(settings) == before
        told = await svq.json("erase", "user", USER)
        assert (told["letters"], len(told["rows"])) == (3, 2)
        assert told["positives"] > 0
        assert set(told["gone_at"]) >= {settings.topics.exposures, settings.topics.histories_changelog}
        assert all(when[:2] == "20" for when in told["gone_at"].values())
        assert await named(settings) == {topic: users - {USER} for topic, users in before.items()}
        assert sorted(letter.key or b"" for letter in await letters(settings)) == [f"{USER}8".encode(), b"v"]
        # The user may come back, and begins anew.
        await publish(
            settings, [(USER, [{"user_id": USER, "item_id": "i1", "timestamp": START, "labels": {"click": 1}}])]
        )
        await until_learnt(trainer, settings, RECORDS * SIZE + 1)
        assert (await svq.json("table", "get", "histories", USER))["row"]["items"] == ["i1"]
        assert trainer.stop() == 0, trainer.log
    late = await svq("erase", "user", USER, "--wait", "0")
    assert isinstance(late.exception, UnreachableError)
    assert "Start one" in str(late.exception)
    with started(settings) as trainer:  # the request stood in the stream

        async def erased() -> bool:
            return all(USER not in users for users in (await named(settings)).values())

        await until(erased, DEADLINE_S, lambda: trainer.log)
    commit = await last_commit(settings)
    assert commit is not None
    assert commit.clock == RECORDS * SIZE + 1


async def test_letters_are_copied_once_with_their_time_however_often_that_is_begun(
    settings_with_topics: Settings,
) -> None:
    settings = settings_with_topics
    topic, exposures = settings.topics.dead_letters, settings.topics.exposures
    old = ("arrived", b"%d" % START)
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers) as producer:

        async def write(number: int, user: str, *more: tuple[str, bytes], where: str = exposures) -> int:
            body = json.dumps({"user_id": user}).encode()
            letter = DeadLetter("missing_id", "no item", where, 0, number, user.encode(), body)
            key, value, headers = encode_dead_letter(letter)
            return int((await producer.send_and_wait(topic, value, key, headers=[*headers, *more])).timestamp)

        first = await write(1, "u1")
        for number, user in ((2, "u2"), (1, "u1"), (3, "u1")):  # the second u1: copied by a run that died
            await write(number, user)
        await write(4, "u2", where=settings.topics.candidates)  # an item of that name
        await write(5, "u1", old)  # copied again and again, and past its retention now
        await producer.send_and_wait(topic, b"not a letter")
    assert await count_letters_about(settings, "u2") == 1
    await rewrite_without(settings, "u2")
    assert await count_letters_about(settings, "u2") == 0
    records = await read_topic(settings.kafka.bootstrap_servers, topic, [0])
    assert [record.value for record in records if len(record.headers) == 1] == [b"not a letter"]
    places = [decode_dead_letter(r.key, r.value, r.headers).offset for r in records if len(r.headers) > 1]
    assert places == [1, 3, 4]
    assert arrival_ms(records[0]) == first
