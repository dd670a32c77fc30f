"""What every worker does before its own work begins."""

import asyncio

from infra.logs import configure_logs
from infra.reach import quiet_client_logs
from infra.signals import end_on_sigterm
from infra.topics import require_topics
from schemas.settings import Settings, load_settings


def begin(role: str) -> Settings:
    """Settings of a worker that may start: Kafka answers, and its topics are what they must be."""
    end_on_sigterm()
    settings = load_settings()
    configure_logs(settings.logs, role=role)
    with quiet_client_logs():
        return asyncio.run(require_topics(settings))
