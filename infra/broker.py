"""A real Apache Kafka on this machine with nothing but pip: for development, the demo and the tests."""

import asyncio
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from infra.broker_files import Detour, Node, write_logging, write_properties
from infra.broker_state import BrokerStatus, properties_path, read_status, take_lock, write_status
from infra.child import Child
from infra.kafka_jars import VERSION, kafka_jars
from infra.kafka_java import format_data, java, last_lines
from infra.ports import free_port, holder, is_free
from infra.reach import reach
from schemas.errors import ResourceError, UnreachableError
from schemas.kafka import KafkaSettings

MIN_FREE_BYTES = 512 * 1_048_576
ATTEMPTS = 3
QUOTED_BYTES = 50_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Member:
    """A node's place in a cluster: the cluster's id, its own number from 1, the controllers' ports by number."""

    cluster: str
    number: int
    controllers: tuple[int, ...]


class EmbeddedBroker:
    """One Kafka node with its data in a folder.

    It survives kill -9, its own and ours: started again on the same folder it has all that was acknowledged. Unless
    `leashed` is False it dies with this process.

    Args:
        folder: data, log and settings of the broker; made when it does not exist.
        port: where to listen; None takes the port of the last run, or any free one.
        heap: largest Java heap, MiB.
        leashed: whether it ends when this process does, however that ends.
        member: its place in a cluster; None for a node that is alone.
        detour: a second way in, for clients behind a proxy.
        java_options: more of them.
    """

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        heap: int = 512,
        *,
        leashed: bool = True,
        member: Member | None = None,
        detour: Detour | None = None,
        java_options: Sequence[str] = (),
    ) -> None:
        self.folder = folder.expanduser().absolute()
        self._port, self._heap, self._leashed, self._java_options = port, heap, leashed, java_options
        self._member, self._detour = member, detour
        self._child: Child | None = None
        self._log_start = 0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def status(self) -> BrokerStatus:
        """Whether it runs, and where."""
        return read_status(self.folder)

    @property
    def bootstrap(self) -> str:
        """Its address for clients."""
        return self.status.bootstrap

    @property
    def pid(self) -> int | None:
        """Process id of the Java process; None when it does not run."""
        return self._child.pid if self._child and self._child.running else None

    @property
    def child(self) -> Child:
        """The Java process."""
        if self._child is None:
            raise ResourceError("the broker was not started")
        return self._child

    def start(self, deadline: float = 60.0) -> Self:
        """Start it and return when it answers.

        Raises:
            ResourceError: no network for the first download, no disk space, the port is taken, a broker already runs
                here, or it died or stayed silent; then with its last log lines.
        """
        if self._child and self._child.running:
            return self
        self._child = None
        self._prepare()
        jars = kafka_jars()
        end = time.monotonic() + deadline
        for attempt in range(1, ATTEMPTS + 1):
            try:
                if self._try(jars, end):
                    return self
            except BaseException:  # Ctrl-C included: nothing half-started stays
                self.stop()
                raise
            # Somebody took the port between our look and its own: a fixed port cannot be helped, a free one can.
            words, silent = self._last_words(), self._child is not None and self._child.running
            code = self._child.stop(2.0) if self._child else None
            self._child = None
            if "Address already in use" not in words or attempt == ATTEMPTS or self._port is not None:
                break
        verdict = f"did not answer within {deadline:g} s" if silent else f"ended at start with status {code}"
        raise ResourceError(f"Kafka {verdict}. Its log is {self.folder}/broker.log; the last lines:\n{words}")

    def stop(self, grace: float = 15.0) -> None:
        """Shut it down, killed after `grace` seconds; nothing happens when it does not run."""
        if self._child:
            self._child.stop(grace)
            log.info("broker.stopped", pid=self._child.pid)
            self._child = None

    def _prepare(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.folder).free
        except OSError as error:
            raise ResourceError(
                f"the broker cannot use {self.folder}: {error}. Set SVQ_BROKER__FOLDER to another"
            ) from error
        if free < MIN_FREE_BYTES:
            raise ResourceError(
                f"{self.folder} has {free >> 20} MiB left, the broker wants {MIN_FREE_BYTES >> 20}. "
                "Make room, or set SVQ_BROKER__FOLDER to another disk"
            )

    def _ports(self) -> tuple[int, int]:
        last = self.status
        if self._port is not None and not is_free(self._port):
            raise ResourceError(f"port {self._port} is taken by {holder(self._port)}. End that, or choose another port")
        port = self._port or (last.port if last.port and is_free(last.port) else free_port())
        if self._member:
            return port, self._member.controllers[self._member.number - 1]
        controller = last.controller_port
        while controller in (0, port) or not is_free(controller):
            controller = free_port()
        return port, controller

    def _try(self, jars: Path, end: float) -> bool:
        port, controller_port = self._ports()
        with take_lock(self.folder) as lock:
            self._configure(jars, self._node(port, controller_port))
            self._log_start = _size(self.folder / "broker.log")
            with (self.folder / "broker.out").open("wb") as output:
                command = [
                    *java(jars, self.folder, self._heap, self._java_options),
                    "kafka.Kafka",
                    str(properties_path(self.folder)),
                ]
                self._child = Child(command, leashed=self._leashed, output=output, pass_fds=[lock.fileno()]).start()
        pid = self._child.pid
        write_status(BrokerStatus(True, str(self.folder), VERSION, pid, port, controller_port))  # noqa: FBT003
        if not self._answers(self._child, port, end):
            return False
        self._port = port  # started again, it is where its clients look for it
        log.info("broker.started", address=f"127.0.0.1:{port}", pid=pid, folder=str(self.folder))
        return True

    def _node(self, port: int, controller_port: int) -> Node:
        if self._member is None:
            return Node(port, controller_port, detour=self._detour)
        return Node(port, controller_port, self._member.number, self._member.controllers, self._detour)

    def _configure(self, jars: Path, node: Node) -> None:
        data, cluster = self.folder / "data", self._member.cluster if self._member else None
        write_logging(self.folder / "log4j2.xml", self.folder / "broker.log")
        if not (data / "meta.properties").exists():
            format_data(jars, self.folder, lambda path, at: write_properties(path, at, node), cluster)
        write_properties(properties_path(self.folder), data, node)

    def _answers(self, child: Child, port: int, end: float) -> bool:
        kafka = KafkaSettings(bootstrap_servers=f"127.0.0.1:{port}")
        with ThreadPoolExecutor(1) as elsewhere:  # the caller's thread may run an event loop
            while child.running and (left := end - time.monotonic()) > 0:
                try:
                    elsewhere.submit(asyncio.run, reach(kafka, min(left, 1.0))).result()
                except UnreachableError:
                    continue
                return child.running  # else somebody else answered at that port
        return False

    def _last_words(self) -> str:
        """What it said in this run: errors of its log, and all that Java itself printed."""
        logged = _text(self.folder / "broker.log", self._log_start).splitlines()
        errors = [line for line in logged if " ERROR " in line or "Exception" in line]
        return last_lines("\n".join([*errors, _text(self.folder / "broker.out")]))


def _text(path: Path, start: int = 0) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(start, _size(path) - QUOTED_BYTES))
        return file.read().decode(errors="replace")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
