"""`svq demo` as a user runs it, with kill -9 of trainer and indexer on the way."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psutil
import pytest
from processes import gone, until
from rocksdict import AccessType, Options, Rdict
from shop_file import write_shop
from streamvq_client.rows import ItemIndexRow, decode_cluster, decode_item_index
from streamvq_client.snapshot import read_table

from infra.broker import EmbeddedBroker
from infra.broker_state import read_status
from schemas.topics import Topics

EVENTS = 6_000
REPORT_S = 200.0
TOPICS = Topics("demo")
# A codebook after some hundred purchases.
SMALL = {
    "SVQ_MODEL__BATCH": "256",
    "SVQ_MODEL__CODES": "16",
    "SVQ_MODEL__START_STEPS": "3",
    "SVQ_MODEL__START_EXPOSURES": "3",
}


class Demo:
    """One run of the command."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self._output, self._errors = folder.with_suffix(".out"), folder.with_suffix(".err")
        command = [sys.executable, "-m", "infra.cli", "demo", "--data-folder", str(folder), *arguments]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SVQ_")} | SMALL
        with self._output.open("wb") as output, self._errors.open("wb") as errors:
            self.process = subprocess.Popen(command, stdout=output, stderr=errors, env=environment)
        self.seen: set[int] = set()

    def look(self) -> None:
        """Note every process below, also those that will be killed."""
        if self.process.poll() is None:
            self.seen |= {child.pid for child in psutil.Process(self.process.pid).children(recursive=True)}

    @property
    def output(self) -> str:
        return self._output.read_text()

    @property
    def errors(self) -> str:
        return self._errors.read_text()

    def until(self, condition: Callable[[], object], deadline: float) -> None:
        def met() -> bool:
            self.look()
            assert self.process.poll() is None, self.errors[-3000:]
            return bool(condition())

        try:
            until(met, deadline)
        except AssertionError:
            print(self.errors[-3000:])
            raise

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> float:
        """Ask it to end; how long that took."""
        self.look()
        begun = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(30)
        return time.monotonic() - begun

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        until(lambda: all(gone(pid) for pid in self.seen), 10)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write_shop(tmp_path / "shop.csv", EVENTS + 500)


@pytest.fixture
def demo(tmp_path: Path, shop: Path) -> Iterator[Demo]:
    arguments = ["--json", "--events", str(EVENTS), "--kill", "trainer,indexer", "--port", "0", "--csv", str(shop)]
    running = Demo(tmp_path / "data", *arguments)
    yield running
    running.end()


@pytest.mark.timeout(400)
async def test_every_purchase_counts_once_through_kills_and_everybody_agrees(demo: Demo) -> None:
    demo.until(lambda: demo.output.endswith("\n") and "documentation at" in demo.errors, REPORT_S)
    report = json.loads(demo.output)
    print(demo.errors[-6000:])  # shown when something below fails
    assert report["kills"] == {"trainer": 1, "indexer": 1}
    assert report["restarts"]["trainer"] >= 1
    assert report["restarts"]["indexer"] >= 1
    assert report["events"] == report["published"] == report["counted"] == EVENTS
    assert report["dead_letters"] == 0
    assert report["codes"]["total"] == 16
    assert 1 < report["codes"]["perplexity"] <= report["codes"]["used"] <= 16
    check_figures(report)

    address = demo.errors.split("goes on at ")[1].split(",")[0]
    connection = {"bootstrap_servers": read_status(demo.folder / "broker").bootstrap}
    await check_server(address, connection, report["items"])

    assert demo.interrupt() < 15
    assert demo.process.returncode == 130
    until(lambda: all(gone(pid) for pid in demo.seen), 5)
    assert len(demo.seen) >= 6, "broker, trainer twice, indexer twice, server"
    with EmbeddedBroker(demo.folder / "broker") as broker:
        await check_tables(demo.folder / "demo" / "indexer-0", {"bootstrap_servers": broker.bootstrap})


def check_figures(report: dict[str, Any]) -> None:
    assert 0 < report["first_recommendations_s"] < REPORT_S
    for name in ("idle", "idle_trained", "candidate", "exposure"):
        delay = report["immediacy_ms"][name]
        assert delay["late"] == 0, name
        assert delay["n"] > 0, name
        assert 0 < delay["p50"] <= delay["p99"] < 60_000, name
    assert report["immediacy_ms"]["idle"]["n"] == report["immediacy_ms"]["idle_trained"]["n"] == 100
    for arm, value in report["hit_at_100"].items():
        low, high = report["intervals"][arm]
        assert 0 < low <= value <= high <= 1, arm
    assert report["sample"]["lines"] + report["sample"]["unanswered"] == EVENTS
    assert report["lag_max"] <= 8_192


async def check_server(address: str, connection: dict[str, str], items: int) -> None:
    """Every row of the changelog is what the server holds; what the scanner moves meanwhile is looked at again."""
    strange: dict[str, Any] = {"not looked at": None}
    end = time.monotonic() + 30
    with closing(http.client.HTTPConnection(urlsplit(address).netloc, timeout=5)) as asking:
        while strange and time.monotonic() < end:
            rows = await item_index(connection)
            assert len(rows) == items
            strange = {name: held for name, row in rows.items() if (held := served(asking, name)) != shown(row)}
    assert not strange


def shown(row: ItemIndexRow) -> dict[str, Any]:
    return {"clusters": row.clusters, "exposures": row.exposures, "version": row.version, "time": row.time}


def served(asking: http.client.HTTPConnection, name: str) -> dict[str, Any]:
    asking.request("GET", f"/v1/items/{quote(name)}")
    state = json.load(asking.getresponse())
    assert state["retrievable"], name
    return {key: state[key] for key in ("clusters", "exposures", "version", "time")}


async def item_index(connection: dict[str, str]) -> dict[str, ItemIndexRow]:
    table = await read_table(connection, TOPICS.item_index_changelog)
    return {key.decode(): decode_item_index(record.value or b"") for (_, key), record in table.items()}


async def check_tables(folder: Path, connection: dict[str, str]) -> None:
    """RocksDB holds what the changelogs hold, byte for byte, and the rows add up to what was published."""
    items, index, clusters = [
        await agreed(connection, topic, stored(folder, table))
        for table, topic in (
            ("items", TOPICS.items_changelog),
            ("item_index", TOPICS.item_index_changelog),
            ("clusters", TOPICS.clusters_changelog),
        )
    ]
    assert items.keys() == index.keys()
    rows = [decode_item_index(value) for value in index.values()]
    shares = {place: decode_cluster(value) for place, value in clusters.items()}
    assert sum(row.exposures for row in rows) == EVENTS
    assert sum(share.exposures for share in shares.values()) == EVENTS
    filed = Counter((partition, b"%d" % decode_item_index(row).clusters[0]) for (partition, _), row in index.items())
    assert {place: share.items for place, share in shares.items() if share.items} == filed


async def agreed(connection: dict[str, str], topic: str, local: dict[tuple[int, bytes], bytes]) -> Any:
    """The rows, once the changelog shows them: a broker that starts again first ends what was being committed."""
    end = time.monotonic() + 20
    while True:
        changelog = {place: record.value for place, record in (await read_table(connection, topic)).items()}
        if changelog == local or time.monotonic() > end:
            assert changelog == local, topic
            return local


def stored(folder: Path, table: str) -> dict[tuple[int, bytes], bytes]:
    rows: dict[tuple[int, bytes], bytes] = {}
    for path in folder.glob(f"v1/tables/{table}-*.db"):
        partition = int(path.stem.rpartition("-")[2])
        database = Rdict(str(path), Options(raw_mode=True), access_type=AccessType.read_only())
        rows |= {(partition, key): value for key, value in database.items() if not key.startswith(b"\xff")}
        database.close()
    return rows


def test_interrupted_at_the_start_it_leaves_nothing_behind(tmp_path: Path, shop: Path) -> None:
    running = Demo(tmp_path / "data", "--events", "1000", "--port", "0", "--csv", str(shop))
    try:
        running.until(lambda: len(running.seen) >= 2, 60)
        assert running.interrupt(signal.SIGTERM) < 15
        assert running.process.returncode == 130
        until(lambda: all(gone(pid) for pid in running.seen), 5)
    finally:
        running.end()


def test_a_broken_file_ends_it_with_one_message(tmp_path: Path, shop: Path) -> None:
    shop.write_bytes(shop.read_bytes()[:-30])
    command = [sys.executable, "-m", "infra.cli", "demo", "--exit", "--csv", str(shop)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 6
    assert "cut short" in done.stderr
    assert "--csv FILE" in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("arguments", [["--kill", "broker"], ["--events", "0"], ["--port", "99999"]])
def test_wrong_options_are_refused_at_once(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "infra.cli", "demo", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
