"""What Kafka reads at start: its properties and its logging. Chosen for small nodes on the developer's machine.

A broker that was killed waits at its next start until its last session has expired, hence a short session. But one that
is alone and stands still for longer is taken for dead by its own controller when it goes on; its partitions have no
leader for a moment, and Kafka 4.3 then drops the ends of transactions. So one that is alone has Kafka's own session.
Offsets are kept for a year: with the default, a laptop closed for a week would forget where its workers were.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
SESSION_MS = 9_000
FAILOVER_MS = 3_000  # with others beside it, which lead meanwhile

_PROPERTIES = """\
process.roles=broker,controller
node.id={number}
listeners={listeners}
advertised.listeners={advertised}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
{quorum}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,DETOUR:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
message.max.bytes=8388608
replica.fetch.max.bytes=8388608
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=2
log.cleaner.dedupe.buffer.size=8388608
offsets.topic.replication.factor={nodes}
offsets.topic.num.partitions=4
offsets.retention.minutes=525600
transaction.state.log.replication.factor={nodes}
transaction.state.log.num.partitions=4
transaction.state.log.min.isr={insync}
min.insync.replicas={insync}
share.coordinator.state.topic.replication.factor={nodes}
share.coordinator.state.topic.min.isr={insync}
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=500
broker.session.timeout.ms={session_ms}
"""

_LOGGING = """\
<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="ERROR">
  <Appenders>
    <RollingFile name="file" fileName="{log}" filePattern="{log}.%i">
      <PatternLayout pattern="%d %p %m (%c{{1}})%n"/>
      <Policies><SizeBasedTriggeringPolicy size="10MB"/></Policies>
      <DefaultRolloverStrategy max="2"/>
    </RollingFile>
  </Appenders>
  <Loggers>
    <Logger name="org.apache.kafka" level="WARN"/>
    <Root level="INFO"><AppenderRef ref="file"/></Root>
  </Loggers>
</Configuration>
"""


@dataclass(frozen=True, slots=True)
class Detour:
    """A second way in: clients that ask at `listens` are told to come to `advertised`, where a proxy listens."""

    listens: int
    advertised: int


@dataclass(frozen=True, slots=True)
class Node:
    """What sets one node apart.

    Attributes:
        port, controller_port: where it listens, on the loopback interface only.
        number: its id in the cluster, from 1.
        controllers: ports of all controllers, in the order of the nodes; none for a node that is alone.
        detour: a second way in.
    """

    port: int
    controller_port: int
    number: int = 1
    controllers: tuple[int, ...] = ()
    detour: Detour | None = None

    @property
    def quorum(self) -> str:
        """The setting that names all controllers."""
        if not self.controllers:
            return f"controller.quorum.bootstrap.servers={HOST}:{self.controller_port}"
        voters = (f"{number}@{HOST}:{port}" for number, port in enumerate(self.controllers, 1))
        return f"controller.quorum.voters={','.join(voters)}"

    def listeners(self) -> Iterator[tuple[str, int, int]]:
        """Name of each, the port it has and the one that clients are told."""
        yield "PLAINTEXT", self.port, self.port
        if self.detour:
            yield "DETOUR", self.detour.listens, self.detour.advertised


def write_properties(path: Path, data: Path, node: Node) -> None:
    """Write server.properties: what a cluster of three acknowledged survives the loss of any of them."""
    nodes = max(1, len(node.controllers))
    listeners = [f"{name}://{HOST}:{port}" for name, port, _ in node.listeners()]
    text = _PROPERTIES.format(
        number=node.number,
        listeners=",".join([*listeners, f"CONTROLLER://{HOST}:{node.controller_port}"]),
        advertised=",".join(f"{name}://{HOST}:{port}" for name, _, port in node.listeners()),
        quorum=node.quorum,
        data=data,
        nodes=nodes,
        insync=max(1, nodes - 1),
        session_ms=SESSION_MS if nodes == 1 else FAILOVER_MS,
    )
    path.write_text(text, encoding="utf-8")


def write_logging(path: Path, log: Path) -> None:
    """Write the log4j configuration: one file of at most 10 MB and two older ones."""
    path.write_text(_LOGGING.format(log=log), encoding="utf-8")
