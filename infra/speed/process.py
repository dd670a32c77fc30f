"""One process of a retriever, run for the bench."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

from infra.roles import PACKAGES, svq
from schemas.kafka import KafkaSettings

STOP_S: Final = 15.0


@contextmanager
def running(kafka: KafkaSettings, role: str, folder: Path, own: Mapping[str, str]) -> Iterator[psutil.Popen]:
    """A trainer, an indexer or a server, and its end; what it says is in `folder`.

    Args:
        kafka: where, and the prefix of its topics.
        role: the command.
        folder: for its log.
        own: variables of its own; SVQ_CONFIG names its settings file, if it has one.
    """
    ours = {
        "SVQ_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "SVQ_KAFKA__PREFIX": kafka.prefix,
        "SVQ_KAFKA__PARTITIONS": str(kafka.partitions),
        "SVQ_CONFIG": os.devnull,
        "PYTHONPATH": str(PACKAGES),
    }
    with (folder / f"{role}.log").open("ab") as log:
        process = psutil.Popen(svq(role), env={**os.environ, **ours, **own}, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except psutil.TimeoutExpired:
            process.kill()
