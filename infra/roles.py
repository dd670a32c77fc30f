"""The processes that a stack consists of."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from schemas.settings import Settings

PACKAGES = Path(__file__).parent.parent
# On one machine a step of the trainer would hold up what takes milliseconds in the indexers and the server.
BESIDE_OTHERS = 10


@dataclass(frozen=True, slots=True)
class Role:
    """One process: what to run, and the variables that are its own."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def usual_roles(settings: Settings, indexers: int) -> list[Role]:
    """A trainer, some indexers, a server. Each indexer has a folder, and a metrics port if any, of its own."""
    numbered = [Role(f"indexer-{n}", svq("indexer"), _indexer_variables(settings, n)) for n in range(indexers)]
    trainer = Role("trainer", svq("trainer"), {"SVQ_TRAINER__NICE": str(settings.trainer.nice or BESIDE_OTHERS)})
    return [trainer, *numbered, Role("server", svq("server"))]


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


def _indexer_variables(settings: Settings, number: int) -> dict[str, str]:
    above = settings.folder("indexer")
    variables = {"SVQ_INDEXER__FOLDER": str(above.with_name(f"{above.name}-{number}"))}
    if settings.indexer.metrics_port:
        variables["SVQ_INDEXER__METRICS_PORT"] = str(settings.indexer.metrics_port + number)
    return variables
