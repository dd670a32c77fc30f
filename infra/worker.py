"""What every worker does before its own work begins: it waits for Kafka and its topics, and says so."""

import asyncio
import os
import time

import structlog
from prometheus_client import CollectorRegistry

from agents.metrics import MetricsServer, serve_metrics
from infra.blas import limit_blas
from infra.logs import configure_logs
from infra.reach import DEADLINE_S, quiet_client_logs
from infra.signals import end_on_sigterm
from infra.topics import require_topics
from schemas.errors import TopicsMissingError, UnreachableError
from schemas.settings import Settings, load_settings

log = structlog.get_logger(__name__)

PAUSE_S = 0.5
SAY_S = 10.0


def begin(role: str) -> Settings:
    """Settings of a worker that may start: Kafka answers, and its topics are what they must be."""
    end_on_sigterm()
    settings = load_settings()
    threads = {"server": settings.server.threads, "indexer": settings.indexer.threads}
    limit_blas(threads.get(role, settings.trainer.threads))
    configure_logs(settings.logs, role=role)
    log.info("starting", pid=os.getpid(), prefix=settings.kafka.prefix)
    with quiet_client_logs():
        return asyncio.run(_arrive(settings, role))


async def _arrive(settings: Settings, role: str) -> Settings:
    """Wait where the worker will listen: whoever asks is told that it lives, and what it waits for."""
    room = WaitingRoom(settings)
    async with serve_metrics(MetricsServer(CollectorRegistry(), room.waiting_for), *_address(settings, role)):
        return await room.leave()


class WaitingRoom:
    """Left once Kafka answers and its topics are there. The operator, or another process, may create them meanwhile."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reason = f"Kafka at {settings.kafka.bootstrap_servers}"
        self._said = 0.0

    def waiting_for(self) -> list[str]:
        """What is missing, in words."""
        return [self._reason]

    async def leave(self) -> Settings:
        """The settings with the broker's number of partitions.

        Raises:
            UnreachableError: no Kafka within `kafka.start_deadline_s`.
            TopicsError: the topics are not there within that time, or not what they must be, for which nobody waits.
        """
        end = time.monotonic() + self._settings.kafka.start_deadline_s
        while True:
            left = end - time.monotonic()
            try:
                return await require_topics(self._settings, min(DEADLINE_S, max(left, PAUSE_S)))
            except (UnreachableError, TopicsMissingError) as error:
                if left <= PAUSE_S:
                    waited_s = self._settings.kafka.start_deadline_s
                    raise type(error)(
                        f"{error}\nThis was waited for, {waited_s:g} s (kafka.start_deadline_s)"
                    ) from None
                self._say(str(error), left)
            await asyncio.sleep(PAUSE_S)

    def _say(self, reason: str, left_s: float) -> None:
        self._reason = " ".join(reason.split())
        if time.monotonic() - self._said > SAY_S:
            self._said = time.monotonic()
            log.info("waiting", reason=self._reason, seconds_left=round(left_s))


def _address(settings: Settings, role: str) -> tuple[str, int | None, str]:
    """Where the role will listen, and the setting; no port where any free one will do, for nobody could know it."""
    if role == "server":
        return settings.server.host, settings.server.port or None, "server.port"
    own = settings.trainer if role == "trainer" else settings.indexer
    return own.metrics_host, own.metrics_port or None, f"{role}.metrics_port"
