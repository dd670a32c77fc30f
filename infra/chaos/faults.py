"""Every fault there is, in one table."""

from collections.abc import Sequence

from infra.chaos import broker_faults, clock_faults, disk_faults, network_faults, process_faults
from infra.chaos.fault import Fault
from infra.chaos.world import World
from schemas.errors import SettingsError

_KINDS = (process_faults, broker_faults, network_faults, clock_faults, disk_faults)
FAULTS: dict[str, Fault] = {fault.kind: fault for module in _KINDS for fault in module.FAULTS}


def choose(kinds: Sequence[str] | None, world: World) -> tuple[dict[str, Fault], dict[str, str]]:
    """The faults asked for that can be had here, and why the others cannot.

    Raises:
        SettingsError: there is no fault of that name.
    """
    if strange := set(kinds or ()) - FAULTS.keys():
        raise SettingsError(f"--faults: no fault {', '.join(sorted(strange))}; there are {', '.join(FAULTS)}")
    wanted = FAULTS if kinds is None else {kind: FAULTS[kind] for kind in kinds}
    unable = {kind: reason for kind, fault in wanted.items() if (reason := fault.unable(world))}
    return {kind: fault for kind, fault in wanted.items() if kind not in unable}, unable
