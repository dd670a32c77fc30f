import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic
from processes import gone, until

from infra import cli
from infra.broker import EmbeddedBroker
from infra.broker_state import read_status, stop_broker
from infra.kafka_jars import VERSION, kafka_jars
from infra.ports import free_port
from infra.reach import administration
from schemas.errors import ResourceError
from schemas.kafka import KafkaSettings
from tests.tables.chaos import until as eventually

STOOD_STILL_S = 5.0  # more than the session that embedded brokers once had
REPOSITORY = Path(__file__).parents[2]
SVQ = [sys.executable, "-m", "infra.cli"]


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


@pytest.mark.timeout(180)
def test_a_broker_that_stood_still_for_some_seconds_ends_every_transaction(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path) as broker:
        asyncio.run(transactions_through(broker, STOOD_STILL_S))


async def transactions_through(broker: EmbeddedBroker, seconds: float) -> None:
    """Transactions over several partitions all the time; the broker is held up, and none may stay open behind it."""
    kafka = KafkaSettings(bootstrap_servers=broker.bootstrap)
    async with administration(kafka) as admin:
        await admin.create_topics([NewTopic("kept", 4, 1)])
    done, stop = Counter[int](), asyncio.Event()

    async def work(number: int) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=broker.bootstrap, transactional_id=f"writer-{number}", retry_backoff_ms=3
        )
        async with producer:
            while not stop.is_set():
                async with producer.transaction():
                    for partition in range(4):
                        await producer.send("kept", b"x", partition=partition)
                done[number] += 1

    async def all_moved() -> None:
        before = Counter(done)

        async def moved() -> bool:
            return all(done[number] >= before[number] + 3 for number in range(8))

        await eventually(moved, 60, lambda: f"{done}")

    working = [asyncio.create_task(work(number)) for number in range(8)]
    await all_moved()
    broker.child.signal(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    broker.child.signal(signal.SIGCONT)
    await all_moved()
    stop.set()
    await asyncio.wait_for(asyncio.gather(*working), 60)
    places = [TopicPartition("kept", partition) for partition in range(4)]

    async def none_is_open() -> bool:
        stable = await ends_of(broker.bootstrap, places, "read_committed")
        return stable == await ends_of(broker.bootstrap, places, "read_uncommitted")

    await eventually(none_is_open, 30, lambda: "a transaction stays open")


async def ends_of(bootstrap: str, places: list[TopicPartition], isolation: str) -> dict[TopicPartition, int]:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level=isolation) as consumer:
        return dict(await consumer.end_offsets(places))


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


def test_the_command_starts_a_broker_that_stays_finds_it_and_stops_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SVQ_BROKER__FOLDER", str(folder))
    assert cli.run(["broker", "status"]) == 1
    with socket.create_server(("127.0.0.1", 0)) as usual:  # somebody else has the usual port: another one is taken
        monkeypatch.setenv("SVQ_BROKER__PORT", str(usual.getsockname()[1]))
        started = subprocess.run(
            [*SVQ, "broker", "start", "--json"], capture_output=True, text=True, timeout=60, cwd=REPOSITORY, check=False
        )
        assert started.returncode == 0, started.stderr
        status = json.loads(started.stdout)
        assert (status["running"], status["version"]) == (True, VERSION)
        assert status["port"] != usual.getsockname()[1]
    assert "kafka.Kafka" in psutil.Process(status["pid"]).cmdline()

    capsys.readouterr()
    assert cli.run(["broker", "start", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pid"] == status["pid"]
    assert cli.run(["broker", "start", "--port", str(free_port())]) == 6
    assert cli.run(["broker", "status"]) == 0
    assert f"export SVQ_KAFKA__BOOTSTRAP_SERVERS={status['bootstrap']}" in capsys.readouterr().out

    assert cli.run(["broker", "stop"]) == 0
    assert gone(status["pid"])
    assert cli.run(["broker", "stop"]) == 0
    assert capsys.readouterr().out == f"stopped\nno broker runs on {folder}\n"


def test_a_broker_in_the_foreground_ends_with_its_command_even_if_that_is_killed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SVQ_BROKER__FOLDER", str(folder))
    command = [*SVQ, "broker", "start", "--foreground"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert "runs at" in process.stdout.readline()
        pid = read_status(folder).pid
        assert not gone(pid)
        process.kill()
    until(lambda: gone(pid), 5)
