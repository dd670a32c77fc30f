"""What the user of `svq chaos` may choose."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """Defaults are those of the command.

    Attributes:
        minutes: how long events are published and faults inflicted; what follows takes a minute or two more.
        seed: of the events and the faults.
        faults: kinds to choose from, `kill:trainer` for one on one target; None for all that this machine can make.
        alone: never several at once, so that each outage is one fault's.
        rate: exposures a second.
        indexers, servers: how many of them; trainers are two, one stands by.
        brokers: one, or a cluster of three.
        as_json: print one JSON object.
        keep: keep all data and logs here, in an empty folder; None takes a temporary one, kept when something is wrong.
    """

    minutes: float = 10.0
    seed: int = 0
    faults: tuple[str, ...] | None = None
    alone: bool = False
    rate: float = 2_000.0
    indexers: int = 2
    servers: int = 2
    brokers: int = 1
    as_json: bool = False
    keep: Path | None = None
