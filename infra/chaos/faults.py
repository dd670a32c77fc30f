"""Every fault there is, in one table."""

from collections.abc import Sequence
from dataclasses import replace

from infra.chaos import broker_faults, clock_faults, disk_faults, network_faults, process_faults
from infra.chaos.fault import Fault
from infra.chaos.world import World
from schemas.errors import SettingsError

_KINDS = (process_faults, broker_faults, network_faults, clock_faults, disk_faults)
FAULTS: dict[str, Fault] = {fault.kind: fault for module in _KINDS for fault in module.FAULTS}


def choose(kinds: Sequence[str] | None, world: World) -> tuple[dict[str, Fault], dict[str, str]]:
    """The faults asked for that can be had here, and why the others cannot.

    `kinds` are names, or `name:target` for those of its targets alone that are named so.

    Raises:
        SettingsError: there is no fault of that name, or it does not hit that target.
    """
    wanted = FAULTS if kinds is None else _named(kinds)
    unable = {kind: reason for kind, fault in wanted.items() if (reason := fault.unable(world))}
    return {kind: fault for kind, fault in wanted.items() if kind not in unable}, unable


def _named(kinds: Sequence[str]) -> dict[str, Fault]:
    targets: dict[str, set[str]] = {}
    for named in kinds:
        kind, _, target = named.partition(":")
        if kind not in FAULTS:
            raise SettingsError(f"--faults: no fault {kind}; there are {', '.join(FAULTS)}")
        known = FAULTS[kind].targets
        if target and target not in known:
            raise SettingsError(f"--faults: {kind} does not hit {target}; it hits {', '.join(known)}")
        targets.setdefault(kind, set()).update({target} if target else known)
    return {
        kind: replace(FAULTS[kind], targets=tuple(target for target in FAULTS[kind].targets if target in hit))
        for kind, hit in targets.items()
    }
