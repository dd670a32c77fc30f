"""The registries that trainer, indexer and server have, made as they make them, without a Kafka."""

from functools import cache

from prometheus_client import CollectorRegistry

from agents.indexer_metrics import IndexerMetrics
from agents.restore_metrics import RestoreMetrics
from agents.trainer_metrics import TrainerMetrics
from schemas.settings import Settings
from serving.app import Server
from tables.pulse import Pulses


class _NoShards:
    """Of a worker that owns nothing."""

    restoring = ()


@cache
def registries() -> dict[str, CollectorRegistry]:
    """By process."""
    trainer, indexer = CollectorRegistry(), CollectorRegistry()
    TrainerMetrics(trainer)
    IndexerMetrics(indexer)
    for registry in (trainer, indexer):
        registry.register(RestoreMetrics(_NoShards()))  # type: ignore[arg-type]
        registry.register(Pulses())
    return {"trainer": trainer, "indexer": indexer, "server": Server(Settings()).metrics.registry}
