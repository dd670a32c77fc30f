"""Settings of the processes: broker, trainer, indexer, server, logs."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from schemas.section import Section


class BrokerSettings(Section):
    """The embedded broker for development: one node, data in a folder, for this machine only."""

    folder: Path | None = Field(None, description="Its data and log; default `<data>/broker`.")
    port: int = Field(9092, ge=1, le=65535, description="Port that `svq broker start` and `svq up` listen at.")
    heap_mb: int = Field(512, ge=128, description="Largest Java heap, MiB.")
    java_options: tuple[str, ...] = Field((), description="More options of its Java, such as -XX:+AlwaysPreTouch.")
    start_deadline_s: float = Field(
        60.0, gt=0, description="How long it may take to answer before it counts as failed."
    )


class ProcessSettings(Section):
    """What trainer, indexer and server have in common: how long something may stand still before the process ends."""

    loop_deadline_s: float = Field(30.0, gt=0, description="The event loop may hang so long before the process ends.")
    stall_deadline_s: float = Field(
        60.0,
        gt=0,
        description="Reading, restoring, and Kafka itself may make no progress for so long before the process ends; "
        "started again it joins anew.",
    )


class WorkerSettings(ProcessSettings):
    """What trainer and indexer have in common."""

    folder: Path | None = Field(
        None, description="RocksDB tables: a cache, one process a folder; default `<data>/<prefix>/<role>`."
    )
    session_timeout_s: float = Field(
        8.0, ge=1, description="Silence after which Kafka gives a worker's partitions to another one."
    )
    transaction_timeout_s: float = Field(60.0, ge=1, description="Longest a transaction may stay open.")
    restore_deadline_s: float = Field(600.0, gt=0, description="Longest that restoring a partition may take.")
    step_deadline_s: float = Field(
        45.0,
        gt=0,
        description="A step, or a call to the computing thread, may take so long before the process ends.",
    )
    metrics_host: str = Field("127.0.0.1", description="Address of the Prometheus endpoint.")
    metrics_port: int | None = Field(None, ge=0, le=65535, description="Port of the Prometheus endpoint; unset: none.")


class TrainerSettings(WorkerSettings):
    """The process that learns."""

    publish_interval_ms: int = Field(250, ge=10, description="Time from one published version to the next.")
    batch_deadline_ms: int = Field(1000, ge=10, description="A batch that is not full by then is trained as it is.")
    threads: int = Field(1, ge=1, description="Threads of one training step.")
    nice: int = Field(0, ge=0, le=19, description="Lower priority, so that others on the machine answer first.")
    device: Literal["cpu", "cuda"] = Field("cpu", description="Where training runs.")


class IndexerSettings(WorkerSettings):
    """The processes that file items under codes."""

    scan_interval_s: float = Field(60.0, gt=0, description="Time in which every item is assigned anew once.")
    dead_band: float = Field(
        0.02, ge=0, description="A scan writes a row whose cluster stays only when its bias moved further than this."
    )
    bare_items: bool = Field(
        default=True,
        description="An exposed item that nobody published gets a row of its own, so that exposures alone are enough.",
    )
    deletion_ttl_s: float = Field(
        604_800.0, gt=0, description="How long a deleted item's mark keeps late events from bringing it back."
    )
    item_ttl_s: float | None = Field(
        None,
        gt=0,
        description="An item that is neither published nor exposed for so long is deleted; unset: never. By the time "
        "of arrival, which stands still while nothing arrives.",
    )
    threads: int = Field(1, ge=1, description="Threads of one forward pass.")


class ServerSettings(ProcessSettings):
    """The process that answers queries."""

    host: str = Field("127.0.0.1", description="Address to listen at; 0.0.0.0 for every interface.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen at; 0 takes a free one.")
    default_k: int = Field(20, ge=1, description="Items in an answer when the request names no number.")
    max_k: int = Field(1000, ge=1, description="Most items one answer may hold.")
    candidates_floor: int = Field(500, ge=1, description="Fewest items that go from the index to the ranker.")
    candidates_fraction: float = Field(
        0.02, gt=0, le=1, description="Share of all items that go to the ranker, above the floor."
    )
    candidates_limit: int = Field(5000, ge=1, description="Most items that go from the index to the ranker.")
    chunk: int = Field(
        8, ge=1, description="Items that a posting list hands over at a time, at most; fewer below 1,600 candidates."
    )
    version_interval_ms: int = Field(
        1000,
        ge=0,
        description="Least time from one version of the model to the next one taken over: each makes the item vectors "
        "of the last one useless. Items and their clusters do not wait for it.",
    )
    request_deadline_ms: int = Field(2000, ge=1, description="A query that takes longer is answered with 503.")
    max_body_bytes: int = Field(1_048_576, ge=1024, description="Largest request body.")
    max_batch: int = Field(256, ge=1, description="Most queries in one request.")
    threads: int = Field(1, ge=1, description="Threads of one query.")
    measure_share: float = Field(
        0.01,
        ge=0,
        le=0.5,
        description="Share of one core for asking what users would have been answered just before they liked "
        "something, the hit@k of the console; 0: never.",
    )


class LogSettings(Section):
    """What the processes write to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least important lines to write.")
    format: Literal["auto", "console", "json"] = Field(
        "auto", description="auto: coloured lines on a terminal, else JSON."
    )
