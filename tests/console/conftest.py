"""One living retriever a test file, behind a real socket and a real Kafka."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from schemas.kafka import KafkaSettings
from schemas.settings import Settings
from schemas.topics import Topics
from schemas.workers import ServerSettings
from tests.console.stage import Stage, on_stage
from tests.serving.conftest import Running
from tests.serving.world import World


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def acted(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Stage, Running]]:
    """A world that was trained a little, and a server that is ready."""
    kafka = KafkaSettings(bootstrap_servers=bootstrap, prefix=f"t{uuid.uuid4().hex[:10]}", partitions=2)
    folder: Path = tmp_path_factory.mktemp("console")
    server = ServerSettings(port=0, version_interval_ms=0, measure_share=0.5)
    settings = Settings(data=folder, kafka=kafka, server=server)
    world = World(Topics(kafka.prefix))
    world.train(30)
    async with on_stage(settings, world) as scene:
        yield scene
