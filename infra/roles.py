"""The processes that a stack consists of."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from schemas.settings import Settings

PACKAGES = Path(__file__).parent.parent
# On one machine a step of the trainer would hold up what takes milliseconds in the indexers and the server. It leaves
# the trainer a quarter of a processor that others want, too; 10 would leave it a tenth.
BESIDE_OTHERS = 5


@dataclass(frozen=True, slots=True)
class Role:
    """One process: what to run, and the variables that are its own."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def usual_roles(settings: Settings, indexers: int) -> list[Role]:
    """A trainer, some indexers, a server. Each indexer has a folder, and a metrics port if any, of its own."""
    trainer = Role("trainer", svq("trainer"), _trainer_variables(settings))
    return [trainer, *_indexers(settings, indexers), Role("server", svq("server"))]


def several_roles(settings: Settings, trainers: int, indexers: int, server_ports: Sequence[int]) -> list[Role]:
    """As many of each as wanted, numbered: trainers that stand by for each other, a server at each port."""
    folder = settings.folder("trainer")
    active_and_standby = [
        Role(
            f"trainer-{n}",
            svq("trainer"),
            _trainer_variables(settings) | {"SVQ_TRAINER__FOLDER": str(folder.with_name(f"{folder.name}-{n}"))},
        )
        for n in range(trainers)
    ]
    servers = [
        Role(f"server-{n}", svq("server"), {"SVQ_SERVER__PORT": str(port)}) for n, port in enumerate(server_ports)
    ]
    return [*active_and_standby, *_indexers(settings, indexers), *servers]


def svq(*arguments: str) -> list[str]:
    """The command that runs `svq` with this interpreter."""
    return [
        sys.executable,
        "-P",
        "-m",
        "infra.cli",
        *arguments,
    ]  # -P: a folder `schemas` where the user is, is not ours


def process_environment(settings: Settings, own: Mapping[str, str]) -> dict[str, str]:
    """Variables of a process of the stack: ours without our settings, plus the stack's settings, plus its own."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("SVQ_")}
    debug = {name: os.environ[name] for name in ("SVQ_DEBUG",) if name in os.environ}
    path = os.pathsep.join(filter(None, (str(PACKAGES), os.environ.get("PYTHONPATH"))))
    return kept | debug | settings.environment() | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"} | dict(own)


def _trainer_variables(settings: Settings) -> dict[str, str]:
    return {"SVQ_TRAINER__NICE": str(settings.trainer.nice or BESIDE_OTHERS)}


def _indexers(settings: Settings, count: int) -> list[Role]:
    return [Role(f"indexer-{n}", svq("indexer"), _indexer_variables(settings, n)) for n in range(count)]


def _indexer_variables(settings: Settings, number: int) -> dict[str, str]:
    above = settings.folder("indexer")
    variables = {"SVQ_INDEXER__FOLDER": str(above.with_name(f"{above.name}-{number}"))}
    if settings.indexer.metrics_port:
        variables["SVQ_INDEXER__METRICS_PORT"] = str(settings.indexer.metrics_port + number)
    return variables
