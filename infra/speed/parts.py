"""The parts of the bench by name."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Final

from benchmarks.speed.result import Part
from schemas.errors import SettingsError

PARTS: Final[Mapping[str, str]] = {
    "train": "infra.speed.train",
    "assign": "benchmarks.speed.assign",
    "retrieve": "benchmarks.speed.retrieve",
    "writes": "infra.speed.writes",
    "restore": "benchmarks.speed.restore",
    "server": "infra.speed.serve",
    "memory": "infra.speed.memory",
    "growth": "benchmarks.speed.growth",
    "end-to-end": "infra.speed.end_to_end",
    "immediacy": "infra.speed.immediacy",
}
"""Name -> module with a `measure`; imported only when it is asked for."""


def chosen(names: Sequence[str]) -> dict[str, Part]:
    """The parts named, in the order of the table; all where none is named.

    Raises:
        SettingsError: there is no such part.
    """
    unknown = sorted(set(names) - PARTS.keys())
    if unknown:
        raise SettingsError(f"the bench has no part {unknown[0]!r}: name some of {', '.join(PARTS)}")
    return {name: import_module(PARTS[name]).measure for name in PARTS if not names or name in names}
