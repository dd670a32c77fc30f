"""Three Kafka nodes on this machine, of which any one may be down: for faults that a single broker cannot have."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.broker import EmbeddedBroker, Member
from infra.broker_files import Detour
from infra.kafka_java import cluster_id
from infra.ports import free_ports

NODES = 3
HEAP_MB = 256
START_S = 90.0


class Cluster:
    """Nodes that are brokers and controllers at once, each with a folder of its own below one.

    Every topic of theirs has three copies, two of which must be written. A node that was killed or stopped is started
    again on its own, and is where its clients look for it.

    Args:
        folder: of all nodes; a new one, since ports are kept in memory only.
        heap: largest Java heap of a node, MiB.
        java_options: more options of the Java of each.
        detours: a second way into each node, for clients behind proxies; none, or one a node.
    """

    def __init__(
        self,
        folder: Path,
        heap: int = HEAP_MB,
        detours: Sequence[Detour] = (),
        java_options: Sequence[str] = (),
    ) -> None:
        ports = free_ports(2 * NODES)
        ways: Sequence[Detour | None] = detours or [None] * NODES
        cluster, controllers = cluster_id(), tuple(ports[NODES:])
        self.nodes = [
            EmbeddedBroker(
                folder / f"broker-{number}",
                port,
                heap,
                java_options=java_options,
                member=Member(cluster, number, controllers),
                detour=way,
            )
            for number, (port, way) in enumerate(zip(ports[:NODES], ways, strict=True), 1)
        ]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __iter__(self) -> Iterator[EmbeddedBroker]:
        return iter(self.nodes)

    @property
    def bootstrap(self) -> str:
        """Addresses of all nodes, for clients."""
        return ",".join(node.bootstrap for node in self.nodes)

    def start(self, deadline: float = START_S) -> Self:
        """Start the nodes that do not run, together, for two of them are needed until one answers.

        Raises:
            ResourceError: one did not start; then none is left running.
        """
        try:
            with ThreadPoolExecutor(NODES) as pool:
                list(pool.map(lambda node: node.start(deadline), self.nodes))
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self, grace: float = 15.0) -> None:
        """Shut all of them down, together: the last one would wait in vain for the others."""
        with ThreadPoolExecutor(NODES) as pool:
            list(pool.map(lambda node: node.stop(grace), self.nodes))
