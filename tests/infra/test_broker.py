import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic
from processes import gone, until

from infra.broker import EmbeddedBroker
from infra.broker_state import read_status, stop_broker
from infra.kafka_jars import VERSION, kafka_jars
from infra.reach import administration
from schemas.errors import ResourceError
from schemas.kafka import KafkaSettings

REPOSITORY = Path(__file__).parents[2]


def svq(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    environment = {**os.environ, **variables}
    command = [sys.executable, "-m", "infra.cli", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment, cwd=REPOSITORY, check=False
    )


async def write(bootstrap: str, values: list[bytes]) -> None:
    kafka = KafkaSettings(bootstrap_servers=bootstrap)
    async with administration(kafka) as admin:
        if "kept" not in await admin.list_topics():
            await admin.create_topics([NewTopic("kept", 1, 1)])
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id="writer")
    async with producer, producer.transaction():
        for value in values:
            await producer.send("kept", value)


async def read(bootstrap: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    async with asyncio.timeout(20), consumer:
        consumer.assign([TopicPartition("kept", 0)])
        await consumer.seek_to_beginning()
        return [(await consumer.getone()).value for _ in range(count)]


def test_what_was_acknowledged_is_there_after_a_kill_and_at_the_same_address(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path) as broker:
        address = broker.bootstrap
        asyncio.run(write(address, [b"one", b"two"]))
        with pytest.raises(ResourceError, match="a broker already runs on"):
            EmbeddedBroker(tmp_path).start()
        with pytest.raises(ResourceError, match=rf"port {broker.status.port} is taken by java \(pid {broker.pid}\)"):
            EmbeddedBroker(tmp_path / "other", port=broker.status.port).start()

        broker.child.signal(signal.SIGKILL)
        assert broker.child.wait(5) == -signal.SIGKILL
        assert not broker.status.running

        broker.start()
        assert broker.bootstrap == address
        assert asyncio.run(read(address, 2)) == [b"one", b"two"]
        asyncio.run(write(address, [b"three"]))
    assert not broker.status.running


def test_a_broker_that_dies_at_start_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(
        ResourceError, match=r"ended at start with status 1(.|\n)*larger value than the maximum heap size"
    ):
        EmbeddedBroker(tmp_path, heap=1).start()
    assert not read_status(tmp_path).running


def test_a_full_disk_is_said_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.broker.MIN_FREE_BYTES", 1 << 60)
    with pytest.raises(ResourceError, match=r"MiB left.*Make room, or set SVQ_BROKER__FOLDER"):
        EmbeddedBroker(tmp_path).start()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResourceError, match=r"cannot use .*file/broker.*SVQ_BROKER__FOLDER"):
        EmbeddedBroker(tmp_path / "file" / "broker").start()


def test_kafka_is_downloaded_once_and_then_needs_no_network(tmp_path: Path) -> None:
    no_network = {
        **os.environ,
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "M2_REPO": str(tmp_path / "m2"),
        "JGO_CACHE_DIR": str(tmp_path / "jgo"),
    }
    jars = kafka_jars()
    assert (jars / f"kafka-clients-{VERSION}.jar").exists()
    script = "import pathlib, sys, infra.kafka_jars as k; print(k.kafka_jars(pathlib.Path(sys.argv[1])))"

    def fetch(cache: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", script, str(cache)]
        return subprocess.run(command, env=no_network, capture_output=True, text=True, timeout=60, check=False)

    assert fetch(jars.parent).stdout.strip().endswith(str(jars))
    failed = fetch(tmp_path / "empty")
    assert "ResourceError: cannot download Kafka" in failed.stderr
    assert "SVQ_KAFKA__BOOTSTRAP_SERVERS" in failed.stderr
    assert not list((tmp_path / "empty").glob("kafka-*/")), "half a download must not look like one"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose broker is stopped in the end, whatever happened."""
    yield tmp_path
    stop_broker(tmp_path)


def test_the_command_starts_a_broker_that_stays_finds_it_and_stops_it(folder: Path) -> None:
    variables = {"SVQ_BROKER__FOLDER": str(folder)}
    with socket.create_server(("127.0.0.1", 0)) as usual:  # somebody else has the usual port: another one is taken
        variables["SVQ_BROKER__PORT"] = str(usual.getsockname()[1])
        assert svq("broker", "status", **variables).returncode == 1

        started = svq("broker", "start", "--json", **variables)
        status = json.loads(started.stdout)
        assert status["running"], started.stderr
        assert status["version"] == VERSION
        assert status["port"] != usual.getsockname()[1]

    assert json.loads(svq("broker", "start", "--json", **variables).stdout)["pid"] == status["pid"]
    assert "kafka.Kafka" in psutil.Process(status["pid"]).cmdline()
    found = svq("broker", "status", **variables)
    assert found.returncode == 0
    assert f"export SVQ_KAFKA__BOOTSTRAP_SERVERS={status['bootstrap']}" in found.stdout
    assert svq("topics", "check", SVQ_KAFKA__BOOTSTRAP_SERVERS=status["bootstrap"]).returncode == 2

    assert svq("broker", "stop", **variables).stdout == "stopped\n"
    assert gone(status["pid"])
    assert svq("broker", "stop", **variables).returncode == 0


def test_a_broker_in_the_foreground_ends_with_its_command_however_that_ends(folder: Path) -> None:
    command = [sys.executable, "-m", "infra.cli", "broker", "start", "--foreground"]
    environment = {**os.environ, "SVQ_BROKER__FOLDER": str(folder), "SVQ_LOGS__LEVEL": "error"}
    for number, code in ((signal.SIGTERM, 0), (signal.SIGKILL, -9)):
        with subprocess.Popen(command, env=environment, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            assert "runs at" in process.stdout.readline()
            pid = read_status(folder).pid
            assert not gone(pid)
            process.send_signal(number)
            assert process.wait(20) == code
        until(lambda pid=pid: gone(pid), 5)
