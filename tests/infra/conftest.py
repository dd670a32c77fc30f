"""What the tests of commands share."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from schemas.settings import Settings
from tests.infra.command_line import Command


@pytest.fixture
def svq(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """The command line, with the prefix and the broker of the test."""
    monkeypatch.setenv("SVQ_KAFKA__BOOTSTRAP_SERVERS", settings.kafka.bootstrap_servers)
    monkeypatch.setenv("SVQ_KAFKA__PREFIX", settings.kafka.prefix)
    handlers, level = logging.root.handlers[:], logging.root.level
    yield Command()
    # The commands send the log to the standard error they run with, and that was the runner's.
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()
