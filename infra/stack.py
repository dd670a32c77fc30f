"""A whole retriever on this machine: broker, topics, trainer, indexers, server, each a process of its own."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any, Self

import psutil
import structlog

from infra.broker import EmbeddedBroker
from infra.broker_files import Detour
from infra.broker_state import BrokerStatus, read_status
from infra.child import Child
from infra.cluster import HEAP_MB, Cluster
from infra.ports import free_port, holder, is_free
from infra.process_logs import ProcessLogs
from infra.reach import reach
from infra.readiness import readiness
from infra.roles import Role, process_environment, usual_roles
from infra.server_address import server_address
from infra.signals import wait
from infra.supervised import StackEvent, Supervised
from infra.topics import create_topics
from schemas.errors import ResourceError, StreamVQError, UnreachableError
from schemas.settings import Settings
from schemas.workers import BrokerSettings

BROKER = "broker"
STOP_S = 14.0
BROKER_SHARE_S = 5.0
READY_POLL_S = 0.25

log = structlog.get_logger(__name__)


class Stack:
    """Starts everything in order, keeps it running, ends it in order. None of its processes outlives this one.

    Args:
        settings: of the retriever. Kafka is theirs where they name it or `external` says so, else the broker of
            `svq broker start` if that runs, else an embedded one of the stack's own.
        indexers: how many of them.
        roles: other processes than the usual ones.
        brokers: of a stack with Kafka of its own: one, or a cluster of three.
        detours: a second way into each of them, for roles that go through proxies.
        log_folder: where the output of each process goes, as `<role>.log`.
        on_event: told what happens to the processes; called from several threads.
        on_line: told each line they write, with the role; called from several threads.

    Attributes:
        settings: with the addresses in use, once it is started.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        indexers: int = 1,
        external: bool = False,
        roles: Callable[[Settings], Sequence[Role]] | None = None,
        brokers: int = 1,
        detours: Sequence[Detour] = (),
        log_folder: Path | None = None,
        on_event: Callable[[StackEvent], None] | None = None,
        on_line: Callable[[str, str], None] | None = None,
    ) -> None:
        self.settings = settings
        self._roles = roles or (lambda known: usual_roles(known, indexers))
        self._external = external or "bootstrap_servers" in settings.kafka.model_fields_set
        self._logs = ProcessLogs(log_folder)
        self._on_event, self._on_line = on_event, on_line
        self._processes: dict[str, Supervised] = {}
        self._wanted, self._detours = brokers, detours
        self._brokers: dict[str, EmbeddedBroker] = {}
        self._failed = Event()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """Where the server answers, as the beginning of a URL."""
        return server_address(self.settings)

    @property
    def failure(self) -> StreamVQError | None:
        """Why a process is not started any more, if that happened: the stack is then of no use."""
        return next((process.failure for process in [*self._processes.values()] if process.failure), None)

    @property
    def roles(self) -> list[str]:
        """Names of its processes, the broker's first if it is ours."""
        return list(self._processes)

    @property
    def brokers(self) -> list[str]:
        """Those of its roles that are brokers of its own."""
        return list(self._brokers)

    def pid(self, role: str) -> int | None:
        """Process id of a role; None while it is down."""
        return self._processes[role].pid

    def process(self, role: str) -> psutil.Process | None:
        """A role's process, None while it is down; a signal through it reaches no other process of that id."""
        pid = self.pid(role) if role in self._processes else None
        try:
            return psutil.Process(pid) if pid else None
        except psutil.NoSuchProcess:
            return None

    def restarts(self, role: str) -> int:
        """How many times it was started again."""
        return self._processes[role].restarts

    def join(self, role: Role) -> None:
        """Start another process and keep it running, too."""
        self._supervise(role.name, self._launcher(role))

    def leave(self, role: str, grace: float) -> None:
        """End a process, killed after `grace` seconds, and do not start it again."""
        self._processes.pop(role).stop(grace)

    def start(self) -> Self:
        """Start the broker, create the topics, start the processes; they may not be ready yet.

        Raises:
            StreamVQError: something needed is not there; then nothing is left running.
        """
        try:
            self._take_port()
            self._take_broker()
            created = _elsewhere(create_topics(self.settings))
            log.info("stack.topics", created=len(created), prefix=self.settings.kafka.prefix)
            for role in self._roles(self.settings):
                self.join(role)
        except BaseException:
            self.stop()
            raise
        return self

    def wait(self, timeout: float) -> bool:
        """Whether a process has failed for good, now or within `timeout` seconds; `failure` says why."""
        return wait(self._failed, timeout)

    def wait_ready(self, deadline: float) -> None:
        """Return when the server answers queries; StreamVQError when a process failed or the deadline passed."""
        end = time.monotonic() + deadline
        ready, said = readiness(self.address)
        while not ready:
            if self.failure:
                raise self.failure
            if time.monotonic() > end:
                raise UnreachableError(f"the server at {self.address} is not ready after {deadline:g} s: {said}")
            self._failed.wait(READY_POLL_S)
            ready, said = readiness(self.address)

    def stop(self, deadline: float = STOP_S) -> None:
        """End the workers, then the broker, if it is ours; all are gone after about `deadline` seconds."""
        workers = [process for name, process in self._processes.items() if name not in self._brokers]
        if workers:
            with ThreadPoolExecutor(len(workers)) as pool:
                list(pool.map(lambda process: process.stop(deadline - BROKER_SHARE_S), workers))
        self._stop_brokers()
        self._logs.close()

    def _stop_brokers(self) -> None:
        """Together: the last one of a cluster would wait in vain for the others."""
        if not self._brokers:
            return

        def stop(name: str, broker: EmbeddedBroker) -> None:
            if name in self._processes:
                self._processes[name].stop(BROKER_SHARE_S)
            broker.stop(1.0)  # it may have been on its way up again

        with ThreadPoolExecutor(len(self._brokers)) as pool:
            list(pool.map(stop, *zip(*self._brokers.items(), strict=True)))

    def _take_port(self) -> None:
        server = self.settings.server
        if server.port and not is_free(server.port, server.host):
            raise ResourceError(
                f"port {server.port} of {server.host} is taken by {holder(server.port)}. "
                "End that, or choose another: --port, or SVQ_SERVER__PORT"
            )
        self._change("server", port=server.port or free_port())

    def _take_broker(self) -> None:
        if self._external:
            _elsewhere(reach(self.settings.kafka))
        elif self._wanted > 1:
            self._start_cluster(self.settings.broker)
        else:
            status = read_status(self.settings.broker_folder)
            if not status.running:
                status = self._start_broker(self.settings.broker)
            log.info("stack.broker", address=status.bootstrap, folder=status.folder)
            self._change("kafka", bootstrap_servers=status.bootstrap)

    def _start_broker(self, own: BrokerSettings) -> BrokerStatus:
        usual = own.port if is_free(own.port) else None
        self._brokers[BROKER] = broker = EmbeddedBroker(
            self.settings.broker_folder,
            usual,
            own.heap_mb,
            java_options=own.java_options,
            detour=self._detours[0] if self._detours else None,
        )
        status = broker.start(own.start_deadline_s).status
        self._keep(BROKER, broker)
        return status

    def _start_cluster(self, own: BrokerSettings) -> None:
        heap = own.heap_mb if "heap_mb" in own.model_fields_set else HEAP_MB  # three take less each, unless told
        cluster = Cluster(self.settings.broker_folder, heap, self._detours, own.java_options)
        self._brokers = {f"{BROKER}-{number}": node for number, node in enumerate(cluster)}
        cluster.start(own.start_deadline_s)
        log.info("stack.cluster", addresses=cluster.bootstrap, folder=str(self.settings.broker_folder))
        for name, node in self._brokers.items():
            self._keep(name, node)
        self._change("kafka", bootstrap_servers=cluster.bootstrap, replication_factor=len(cluster.nodes))

    def _keep(self, name: str, broker: EmbeddedBroker) -> None:
        self._supervise(name, lambda _: broker.start(self.settings.broker.start_deadline_s).child)

    def _change(self, section: str, **values: object) -> None:
        changed = getattr(self.settings, section).model_copy(update=values)
        self.settings = self.settings.model_copy(update={section: changed})

    def _launcher(self, role: Role) -> Callable[[Callable[[str], None]], Child]:
        environment = process_environment(self.settings, role.environment)
        return lambda take: Child(role.command, env=environment, on_line=take).start()

    def _supervise(self, name: str, launch: Callable[[Callable[[str], None]], Child]) -> None:
        self._processes[name] = Supervised(name, launch, self._event, self._line)
        self._processes[name].start()

    def _event(self, event: StackEvent) -> None:
        if event.kind == "failed":
            self._failed.set()
        if self._on_event:
            self._on_event(event)

    def _line(self, role: str, line: str) -> None:
        self._logs.write(role, line)
        if self._on_line:
            self._on_line(role, line)


def _elsewhere(work: Coroutine[Any, Any, Any]) -> Any:
    """Run it in a thread of its own: the caller's may run an event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
