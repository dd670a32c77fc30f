"""Kafka does not confirm: the documented error in time, bounded waiting, and nothing twice under a key."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter

from infra.broker import EmbeddedBroker
from infra.topics import create_topics
from schemas.http_publish import PublishProblem
from schemas.kafka import KafkaSettings
from schemas.service import PublishingSettings
from schemas.settings import Settings
from schemas.workers import ServerSettings
from tests.serving.conftest import Running, running, until
from tests.serving.test_failures import problem
from tests.serving.test_publish_http import LINES, exposure, in_kafka, lines, outcome

PROBLEM = TypeAdapter(PublishProblem)
HASTY, HASTIER = PublishingSettings(deadline_ms=2000, inflight_events=3), PublishingSettings(deadline_ms=500)


async def send(server: Running, events: list[dict[str, Any]], key: str = "") -> httpx.Response:
    headers = {"idempotency-key": key} if key else {}
    return await server.client.post("/v1/exposures", json=events, headers=headers)


async def test_a_server_that_never_met_kafka(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        nowhere = KafkaSettings(bootstrap_servers=f"127.0.0.1:{silent.getsockname()[1]}", prefix="t")
        settings = Settings(data=tmp_path, kafka=nowhere, server=ServerSettings(port=0), publishing=HASTIER)
        async with running(settings) as server:
            response = await send(server, [exposure(1), exposure(2)])
            assert (response.status_code, problem(response).code) == (503, "kafka_unreachable")
            assert response.headers["retry-after"] == "1"
            errors = PROBLEM.validate_json(response.content).errors
            assert [(error.index, error.code) for error in errors] == [(0, "unacknowledged"), (1, "unacknowledged")]
            assert nowhere.bootstrap_servers in errors[0].detail
            streamed = await server.client.post("/v1/exposures", content=lines([exposure(1)]), headers=LINES)
            assert problem(streamed).code == "kafka_unreachable"
            assert problem(await server.client.delete("/v1/items/i1")).code == "kafka_unreachable"


@pytest.mark.timeout(240)
async def test_what_waits_when_kafka_goes_away_is_bounded_and_comes_once(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "broker") as broker:
        kafka = KafkaSettings(bootstrap_servers=broker.bootstrap, prefix="outage", partitions=2)
        settings = Settings(data=tmp_path, kafka=kafka, server=ServerSettings(port=0), publishing=HASTY)
        await create_topics(settings)
        async with running(settings) as server:
            await server.ready()

            async def taken() -> bool:
                return (await send(server, [exposure(10)])).status_code == 200

            await until(taken, "Kafka confirms in time")
            await asyncio.to_thread(broker.stop)

            three = [exposure(n) for n in range(1, 4)]
            answers = await asyncio.gather(*(send(server, three, key) for key in ("k1", "k2")))
            codes = [problem(answer).code for answer in answers]
            assert sorted(codes) == ["kafka_unreachable", "too_much_in_flight"], "there is room for one of them"
            assert [answer.status_code for answer in answers] == [429 if "flight" in code else 503 for code in codes]
            waiting = "k1" if codes[0] == "kafka_unreachable" else "k2"
            assert problem(await send(server, [exposure(9)])).code == "kafka_unreachable"
            assert problem(await send(server, three, waiting)).code == "kafka_unreachable"

            await asyncio.to_thread(broker.start)

            async def confirmed() -> httpx.Response | None:
                response = await send(server, three, waiting)
                return response if response.status_code == 200 else None

            response = await until(confirmed, "Kafka has what waited", deadline_s=90)
            assert outcome(response).acknowledged == 3
            assert response.headers["idempotency-replayed"] == "true"
            await until(taken, "others are taken again")
            users = [record.key for record in await in_kafka(settings, settings.topics.exposures)]
            assert sorted(set(users)) == [b"u1", b"u10", b"u2", b"u3"]
            assert len([user for user in users if user != b"u10"]) == 3, "once each"
