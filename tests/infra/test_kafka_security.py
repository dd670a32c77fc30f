"""A whole retriever on a broker with TLS, SCRAM and an authorizer that holds the documented ACLs, and no others."""

import asyncio
import json
import os
import subprocess
import sys
import time
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import TopicAuthorizationFailedError
from secured_broker import SecuredBroker, secured_broker

from infra.acls import ROLES, acls, kafka_acls
from infra.ports import free_port
from infra.roles import Role, process_environment, svq
from infra.stack import Stack
from infra.topics import check_topics
from schemas.errors import SettingsError, UnreachableError
from schemas.kafka import connection
from schemas.settings import Settings
from schemas.topics import Topics
from tests.tables.chaos import until

pytestmark = [
    pytest.mark.timeout(400),
    # aiokafka closes a TLS connection without waiting for its end; the event loop is gone before that.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning"),
]
PAGE = (Path(__file__).parents[2] / "docs" / "kafka-security.md").read_text()
WORKERS = ("trainer", "indexer", "server")
DEADLINE_S = 200.0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    topics = Topics("shop")
    with secured_broker(tmp_path_factory.mktemp("secured"), [*ROLES, "nobody", "looker"]) as running:
        for role in ROLES:
            asyncio.run(running.allow(role, acls(topics, role)))
        asyncio.run(running.allow("looker", acls(topics, "reader")[:1]))
        yield running


@pytest.fixture(scope="module")
def stack(broker: SecuredBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Trainer, indexer and server, each with a login of its own; the topics made by the operator."""
    folder = tmp_path_factory.mktemp("workers")
    settings = Settings(
        data=folder,
        kafka=broker.settings("operator"),
        server={"port": free_port()},
        trainer={"publish_interval_ms": 200, "batch_deadline_ms": 200},
    )
    roles = [Role(role, svq(role), {"SVQ_KAFKA__SASL_USERNAME": role}) for role in WORKERS]
    with Stack(settings, roles=lambda _: roles, log_folder=folder / "logs") as running:
        running.wait_ready(DEADLINE_S)
        yield running


async def test_an_event_goes_all_the_way_with_the_documented_rights(broker: SecuredBroker, stack: Stack) -> None:
    topics = Topics("shop")
    async with AIOKafkaProducer(**connection(broker.settings("application"))) as kafka:
        for n in range(40):
            now = time.time_ns() // 1_000_000
            item, user = f"i{n % 4}", f"u{n % 8}"
            seen = {"user_id": user, "item_id": item, "timestamp": now, "labels": {"click": 1}}
            await kafka.send(topics.exposures, json.dumps(seen).encode(), key=user.encode())
            await kafka.send(
                topics.candidates, json.dumps({"item_id": item, "timestamp": now}).encode(), key=item.encode()
            )
        await kafka.send(topics.candidates, b"no JSON", key=b"broken")
        await kafka.flush()

    async with httpx.AsyncClient(base_url=stack.address, timeout=30) as client:
        seen = {"user_id": "u1", "item_id": "i1", "timestamp": time.time_ns() // 1_000_000, "labels": {"click": 1}}
        answer = await client.post("/v1/exposures", json=seen)
        assert answer.status_code == 200, answer.text

        async def learnt() -> bool:
            answer = (await client.post("/v1/retrieve", json={"user_id": "u1", "k": 4})).json()
            stats = (await client.get("/v1/stats")).json()
            return answer.get("returned") == 4 and answer["rests_on"] == "user" and stats["exposures"] == 41

        await until(learnt, DEADLINE_S, lambda: "the server never found what was learnt")
    assert stack.failure is None
    assert [stack.restarts(role) for role in WORKERS] == [0, 0, 0]
    assert await check_topics(Settings(kafka=broker.settings("operator"))) == []
    # What one role may not do: read the events of others, write the model.
    reader = broker.settings("reader")
    async with AIOKafkaConsumer(**connection(reader), auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(topics.item_index_changelog, p) for p in range(2)])
        assert await consumer.getone()
        consumer.assign([TopicPartition(topics.exposures, 0)])
        with pytest.raises(TopicAuthorizationFailedError):
            await asyncio.wait_for(consumer.getone(), 20)


async def test_a_worker_without_rights_ends_with_what_it_lacks(
    broker: SecuredBroker, stack: Stack, tmp_path: Path
) -> None:
    assert stack.failure is None, "the topics are there"

    async def end(role: str, user: str) -> None:
        kafka = broker.settings(user, start_deadline_s=2)
        settings = Settings(data=tmp_path / role, kafka=kafka, server={"port": 0}, logs={"format": "json"})
        running = await asyncio.create_subprocess_exec(
            *svq(role), env=process_environment(settings, {}), stdout=PIPE, stderr=STDOUT
        )
        try:
            said, _ = await asyncio.wait_for(running.communicate(), DEADLINE_S)
        finally:
            if running.returncode is None:
                running.kill()
        lines = said.decode().splitlines()
        assert running.returncode == SettingsError.exit_code, lines
        assert "svq topics acls" in "".join(lines[-3:])

    pairs = [("server", "nobody"), *((role, "looker") for role in WORKERS)]
    await asyncio.gather(*(end(role, user) for role, user in pairs))


async def test_what_is_not_trusted_or_known_is_a_setting_to_change(broker: SecuredBroker) -> None:
    for changes, reason in (
        ({"sasl_password": "guessed"}, "refuses the login of operator by SCRAM-SHA-512"),
        ({"ssl_cafile": None}, "certificate that is not trusted"),
    ):
        with pytest.raises(SettingsError, match=reason):
            await check_topics(Settings(kafka=broker.settings("operator", **changes)))
    with pytest.raises((UnreachableError, SettingsError)):
        await check_topics(Settings(kafka=broker.settings("operator", security_protocol="SASL_PLAINTEXT")))


def test_the_page_lists_what_each_role_may_do() -> None:
    for role in ROLES:
        assert f"`{role}`" in PAGE
        for acl in acls(Topics("svq"), role):
            pattern = f"`{acl.name}`{' (prefixed)' if acl.prefixed else ''}"
            row = f"| `{role}` | {acl.kind} | {pattern} | {', '.join(acl.operations)} |"
            assert row in PAGE, row


def test_the_command_prints_them() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infra.cli", "topics", "acls", "--role", "trainer", "--principal", "User:CN=t"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env=os.environ | {"SVQ_KAFKA__PREFIX": "shop", "SVQ_CONFIG": os.devnull},
    )
    assert done.stdout.splitlines()[1:] == list(kafka_acls(acls(Topics("shop"), "trainer"), "User:CN=t"))
