"""A real Kafka for the tests that touch Kafka: one a session, and names of its own for each test."""

import logging
import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import docker_broker
import hypothesis
import pytest
import structlog
import torch
from docker.errors import DockerException

from infra.broker import EmbeddedBroker
from infra.topics import create_topics
from schemas.errors import UnreachableError
from schemas.kafka import KafkaSettings
from schemas.settings import Settings

GIVEN = "SVQ_TEST_BOOTSTRAP"

# How long an example takes says how busy the machine is, not whether it is right.
hypothesis.settings.register_profile("svq", deadline=None)
hypothesis.settings.load_profile("svq")


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """With concurrent workers (pytest-xdist) the first process starts one broker: they inherit its address."""
    config = session.config
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput") and GIVEN not in os.environ:
        stack = ExitStack()
        folder = config._tmp_path_factory.mktemp("broker")
        os.environ[GIVEN] = _start(stack, folder)
        config.add_cleanup(stack.close)


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """A command that a test runs in this process sends the log elsewhere; the next test finds it where it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a broker: the given one, else one in Docker if a daemon answers, else an embedded one."""
    with ExitStack() as stack:
        yield os.environ.get(GIVEN) or _start(stack, tmp_path_factory.mktemp("broker"))


def _start(stack: ExitStack, folder: Path) -> str:
    if docker_broker.available():
        try:
            return stack.enter_context(docker_broker.run())
        except (DockerException, UnreachableError) as error:  # no registry, or no way from here to its ports
            print(f"no broker in Docker, an embedded one instead: {error}", file=sys.stderr)
    return stack.enter_context(EmbeddedBroker(folder)).bootstrap


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch adds up in one order: what a test computes is the same to the bit, however many cores there are."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def prefix() -> str:
    """First part of every topic, group and transactional id of one test, and of no other."""
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
def settings(bootstrap: str, prefix: str, tmp_path: Path) -> Settings:
    """Settings for one test: a prefix and a folder of its own, two partitions."""
    return Settings(data=tmp_path, kafka=KafkaSettings(bootstrap_servers=bootstrap, prefix=prefix, partitions=2))


@pytest.fixture
async def settings_with_topics(settings: Settings) -> Settings:
    """The same, with every topic created."""
    await create_topics(settings)
    return settings
