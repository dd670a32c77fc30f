"""What the tests of commands share."""

import pytest

from schemas.settings import Settings
from tests.infra.command_line import Command


@pytest.fixture
def svq(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command line, with the prefix and the broker of the test."""
    monkeypatch.setenv("SVQ_KAFKA__BOOTSTRAP_SERVERS", settings.kafka.bootstrap_servers)
    monkeypatch.setenv("SVQ_KAFKA__PREFIX", settings.kafka.prefix)
    return Command()
