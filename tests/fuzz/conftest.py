"""A server to send things to."""

import asyncio
import uuid
from collections.abc import Iterator

import pytest

from infra.child import Child
from infra.ports import free_port
from infra.readiness import readiness
from infra.roles import process_environment, svq
from infra.topics import create_topics
from schemas.kafka import KafkaSettings
from schemas.settings import Settings
from schemas.workers import ServerSettings
from tests.infra.processes import until
from tests.serving.conftest import publish
from tests.serving.world import World

READY_S = 150.0  # of a busy machine


@pytest.fixture(scope="session")
def address(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a trained model, as a process of its own: after all that is sent to it, it has logged no error."""
    kafka = KafkaSettings(bootstrap_servers=bootstrap, prefix=f"fuzz{uuid.uuid4().hex[:8]}", partitions=2)
    server = ServerSettings(port=free_port())
    settings = Settings(data=tmp_path_factory.mktemp("fuzz"), kafka=kafka, server=server)
    asyncio.run(create_topics(settings))
    world = World(settings.topics)
    world.train(10)
    asyncio.run(publish(settings, world.everything()))
    log = list[str]()
    child = Child(svq("server"), env=process_environment(settings, {}), on_line=log.append).start()
    try:
        found = f"http://127.0.0.1:{server.port}"
        until(lambda: readiness(found)[0], READY_S)
        yield found
        assert child.running
    finally:
        child.stop(10.0)
    assert not [line for line in log if '"level":"error"' in line or "Traceback" in line]
