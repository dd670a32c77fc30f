"""The arms by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.arms.base import Arm
from benchmarks.arms.exact import Exact
from benchmarks.arms.gp_topfreq import GPTopFreq
from benchmarks.arms.hnsw import Hnsw
from benchmarks.arms.item_knn import ItemKNN
from benchmarks.arms.ivf import Ivf
from benchmarks.arms.popularity import Popular, Popularity
from benchmarks.arms.rebuilt import Rebuilt
from benchmarks.arms.snapshots import DAY, HOUR, Snapshots, insertions
from benchmarks.arms.svq import StreamingVQ
from benchmarks.deadlines import boundaries
from benchmarks.interactions import Interactions
from schemas.errors import SettingsError

HOURLY: Final = "hnsw@1h"
MOST_INSERTIONS: Final = 10_000_000  # in a whole replay: minutes on one core


@dataclass(frozen=True, slots=True)
class Shared:
    """What arms of one replay have in common."""

    set: Interactions
    popular: Popular
    daily: Snapshots = field(default_factory=lambda: Snapshots(DAY))
    hourly: Snapshots = field(default_factory=lambda: Snapshots(HOUR))


Build = Callable[[Shared], Arm]

ARMS: Final[Mapping[str, Build]] = {
    "exact": lambda _: Exact(),
    "svq": lambda _: StreamingVQ(),
    "hnsw": lambda shared: Rebuilt("hnsw", Hnsw, shared.daily),
    "ivf": lambda shared: Rebuilt("ivf", Ivf, shared.daily),
    HOURLY: lambda shared: Rebuilt("hnsw", Hnsw, shared.hourly, suffix="@1h"),
    "popularity": lambda shared: Popularity(shared.popular),
    "item-knn": lambda shared: ItemKNN(len(shared.set.items), len(shared.set.users)),
    "gp-topfreq": lambda shared: GPTopFreq(shared.popular),
}


def build_arms(names: Sequence[str], set_: Interactions, batch: int = 1024, deadline_s: float = 0.0) -> dict[str, Arm]:
    """New arms, in the order of the table.

    Args:
        names: those wanted; none: all, but an index rebuilt every hour only where that is a bounded effort.
        set_: what they will answer about.
        batch: exposures a full micro-batch.
        deadline_s: of the replay.

    Raises:
        SettingsError: a name is unknown.
    """
    unknown = sorted(set(names) - set(ARMS))
    if unknown:
        raise SettingsError(f"there is no arm {', '.join(unknown)}\nChoose from {', '.join(ARMS)}.")
    wanted = names or [name for name in ARMS if name != HOURLY or _bounded(set_, batch, deadline_s)]
    shared = Shared(set_, Popular(len(set_.items)))
    return {name: build(shared) for name, build in ARMS.items() if name in wanted}


def _bounded(set_: Interactions, batch: int, deadline_s: float) -> bool:
    return insertions(set_, boundaries(set_.time_n, batch, deadline_s), HOUR) <= MOST_INSERTIONS
