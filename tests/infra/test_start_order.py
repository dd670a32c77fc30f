"""Whatever starts first waits for the rest, says for what, and does not wait for ever."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from infra.broker import EmbeddedBroker
from infra.ports import free_port
from infra.topics import create_topics
from schemas.kafka import KafkaSettings
from schemas.settings import Settings
from tests.tables.chaos import until

pytestmark = pytest.mark.timeout(400)

REPOSITORY = Path(__file__).parents[2]
SEED = int(os.environ.get("SVQ_CHAOS_SEED", random.SystemRandom().randrange(10**6)))
DEADLINE_S = 120.0
STOP_S = 20.0
ROLES = ("trainer", "indexer", "server")


@contextmanager
def worker(role: str, variables: dict[str, str], output: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **variables}
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.cli", role], env=environment, stdout=file, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def variables_of(bootstrap: str, data: Path, ports: dict[str, int], **more: str) -> dict[str, str]:
    return {
        "SVQ_DATA": str(data),
        "SVQ_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
        "SVQ_KAFKA__PREFIX": "order",
        "SVQ_TRAINER__METRICS_PORT": str(ports["trainer"]),
        "SVQ_INDEXER__METRICS_PORT": str(ports["indexer"]),
        "SVQ_SERVER__PORT": str(ports["server"]),
        **more,
    }


def says(address: str, text: str, status: int) -> Callable[[], Awaitable[bool]]:
    async def asked() -> bool:
        async with httpx.AsyncClient(timeout=5) as client:
            try:
                answer = await client.get(f"{address}/readyz")
            except httpx.TransportError:
                return False
            return answer.status_code == status and text in answer.text

    return asked


async def test_any_order_will_do_with_the_broker_last_and_the_topics_after_it(tmp_path: Path) -> None:
    order = random.Random(SEED).sample(ROLES, len(ROLES))  # noqa: S311
    print(f"SVQ_CHAOS_SEED={SEED}: {order}")
    ports = {role: free_port() for role in ROLES}
    port = free_port()
    bootstrap = f"127.0.0.1:{port}"
    variables = variables_of(bootstrap, tmp_path, ports, SVQ_KAFKA__START_DEADLINE_S="300")
    outputs = {role: tmp_path / f"{role}.log" for role in ROLES}
    addresses = {role: f"http://127.0.0.1:{ports[role]}" for role in ROLES}

    def seen() -> str:
        return "\n".join(f"{role}: {outputs[role].read_text()}" for role in ROLES)

    with ExitStack() as stack:
        processes = [stack.enter_context(worker(role, variables, outputs[role])) for role in order]
        for role in ROLES:
            await until(says(addresses[role], f"no Kafka at {bootstrap}", 503), DEADLINE_S, seen)
        broker = stack.enter_context(EmbeddedBroker(tmp_path / "broker", port))
        for role in ROLES:
            await until(says(addresses[role], "svq topics create", 503), DEADLINE_S, seen)
        kafka = KafkaSettings(bootstrap_servers=broker.bootstrap, prefix="order", partitions=2)
        await create_topics(Settings(data=tmp_path, kafka=kafka))
        for role in ROLES:
            await until(says(addresses[role], "", 200), DEADLINE_S, seen)
        assert all(process.poll() is None for process in processes), seen()
        assert all('"event":"waiting"' in output.read_text() for output in outputs.values()), seen()
        for process in processes:
            process.send_signal(signal.SIGTERM)
        codes = await asyncio.gather(*(asyncio.to_thread(process.wait, STOP_S) for process in processes))
        assert codes == [0, 0, 0], seen()


async def test_nobody_waits_for_topics_for_ever(bootstrap: str, tmp_path: Path) -> None:
    ports = dict.fromkeys(ROLES, 0)
    variables = variables_of(bootstrap, tmp_path, ports, SVQ_KAFKA__START_DEADLINE_S="1")
    output = tmp_path / "indexer.log"
    with worker("indexer", variables, output) as process:
        assert await asyncio.to_thread(process.wait, DEADLINE_S) == 2
    last = output.read_text()
    assert "order-candidates: topic is missing" in last
    assert "svq topics create" in last
    assert "kafka.start_deadline_s" in last
