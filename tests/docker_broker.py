"""A broker in Docker, for machines that have it: Kafka's own image, which testcontainers' Kafka class cannot start."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from infra.kafka_jars import VERSION
from infra.ports import free_port
from infra.reach import reach
from schemas.kafka import KafkaSettings

DEADLINE_S = 60.0


def available() -> bool:
    """Whether a Docker daemon answers."""
    try:
        command = ["docker", "info", "--format", "{{.ServerVersion}}"]
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@contextmanager
def run() -> Iterator[str]:
    """Start Kafka in a container, yield its address."""
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.docker_client import DockerClient

    host, port = DockerClient().host(), free_port()  # clients must be told the address, so it is chosen beforehand
    container = (
        DockerContainer(f"apache/kafka:{VERSION}").with_bind_ports(9092, port).with_envs(**_environment(host, port))
    )
    with container:
        asyncio.run(reach(KafkaSettings(bootstrap_servers=f"{host}:{port}"), DEADLINE_S))
        yield f"{host}:{port}"


def _environment(host: str, port: int) -> dict[str, str]:
    properties = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "advertised.listeners": f"PLAINTEXT://{host}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": "1@localhost:9093",
        "auto.create.topics.enable": "false",
        "message.max.bytes": "8388608",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
    }
    return {"KAFKA_" + name.upper().replace(".", "_"): value for name, value in properties.items()}
