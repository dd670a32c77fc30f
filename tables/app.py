"""Faust apps whose every step is one Kafka transaction."""

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import faust
from aiokafka import TopicPartition
from yarl import URL

from tables.config import WorkerConfig, heartbeat_s
from tables.consumer import Transport
from tables.errors import FolderError, die
from tables.manager import TableManager
from tables.membership import Membership
from tables.shards import Shards
from tables.table import Table

# RocksDB's defaults under Faust are 2 GiB of cache and 192 MiB of write buffers for every table partition.
ROCKSDB = {"block_cache_size": 32 << 20, "write_buffer_size": 16 << 20, "max_open_files": 512}


class App(faust.App):  # type: ignore[misc]  # Faust carries no types
    """A Faust app that owns shards."""

    shards: Shards
    membership: Membership
    batched: set[str]  # sources whose records come in lists

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    async def leave_group(self) -> None:
        """Let others have the partitions now, however long Faust takes to stop."""
        if self._consumer is not None:
            await self._consumer.leave_group()


def create_app(config: WorkerConfig) -> App:
    """A Faust app for the config; add tables, sources and agents, then start it."""
    _make(config.folder)
    membership = Membership(config.folder)
    _silence()
    app = App(
        config.group,
        broker=[URL(f"kafka://{server}") for server in config.connection["bootstrap_servers"]],
        broker_credentials=_credentials(config.connection),
        store="rocksdb://",
        datadir=config.folder,
        topic_partitions=config.partitions,
        topic_replication_factor=config.replication_factor,
        topic_disable_leader=True,
        topic_allow_declare=not config.topics_exist,
        table_standby_replicas=0,
        Table=Table,
        TableManager=TableManager,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=membership.name,
        broker_session_timeout=config.session_timeout_s,
        broker_heartbeat_interval=heartbeat_s(config.session_timeout_s),
        stream_wait_empty=False,  # without acknowledgements nothing ever counts as finished
        web_enabled=False,
        canonical_url=f"kafka://{config.group}",  # a member that comes back under another host name is the same member
    )
    app.membership = membership
    app.batched = set()
    app.shards = Shards(config, lambda: app.consumer_generation_id)
    # Before this member asks to join again: another one may fence our shards as soon as it has.
    app.on_partitions_revoked.connect(_release)
    return app


def add_table(app: App, name: str) -> Table:
    """Declare a table of raw bytes; its changelog is `<group>-<name>-changelog`."""
    table: Table = app.Table(
        name, key_type=bytes, value_type=bytes, partitions=app.shards.config.partitions, options=dict(ROCKSDB)
    )
    app.shards.tables.append(table)
    return table


def add_source(app: App, topic: str, *, batched: bool = False) -> Any:
    """Declare a source of raw records; `batched`: an event holds many, see `tables.consumer.delivered`.

    Without acknowledgements: with them Faust commits offsets of its own, also of events that it skipped.
    """
    if batched:
        app.batched.add(topic)
    return app.topic(
        topic,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        partitions=app.shards.config.partitions,
        acks=False,
    )


def add_agent(app: App, source: Any, name: str, work: Callable[[Any], Awaitable[None]]) -> None:
    """Let `work` take the stream of a source. What it raises ends the process: Faust would skip the events."""

    async def agent(stream: Any) -> None:
        try:
            await work(stream)
        except Exception as error:  # noqa: BLE001 - the one guard of an agent
            die(error, agent=name)

    app.agent(source, name=name)(agent)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FolderError(f"{folder} cannot be made: {error.strerror}. Free it, or set another folder") from error


async def _release(app: App, revoked: set[TopicPartition], **_: Any) -> None:
    await app.shards.release()


def _credentials(connection: Any) -> Any:
    context = connection.get("ssl_context")
    if "sasl_mechanism" in connection:
        return faust.SASLCredentials(
            username=connection["sasl_plain_username"],
            password=connection["sasl_plain_password"],
            mechanism=connection["sasl_mechanism"],
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None


class _MarkerOnItsWay(logging.Filter):
    """Drops aiokafka's warning about a retry that every second transaction needs: the last marker is being written."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "NotEnoughReplicas" not in record.getMessage()


def _silence() -> None:
    logging.getLogger("aiokafka.producer.sender").addFilter(_MarkerOnItsWay())
    logging.getLogger("faust.transport.producer").setLevel(logging.ERROR)
