"""What every process says of itself to Prometheus: its version, memory, processor time, open files, start."""

from importlib.metadata import version
from typing import Literal

from prometheus_client import CollectorRegistry, Info, ProcessCollector

Role = Literal["trainer", "indexer", "server"]


def measure_process(registry: CollectorRegistry, role: Role) -> None:
    """Add them to a registry."""
    ProcessCollector(registry=registry)
    Info("svq_build", "What runs here", registry=registry).info({"role": role, "version": version("streamvq")})
