"""The arms by name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from benchmarks.arms.base import Arm
from benchmarks.arms.exact import Exact
from benchmarks.arms.item_knn import ItemKNN
from benchmarks.arms.popularity import Popularity
from benchmarks.arms.svq import StreamingVQ
from benchmarks.interactions import Interactions
from schemas.errors import SettingsError

Build = Callable[[Interactions], Arm]

ARMS: Final[Mapping[str, Build]] = {
    "exact": lambda _: Exact(),
    "svq": lambda _: StreamingVQ(),
    "popularity": lambda set_: Popularity(len(set_.items)),
    "item-knn": lambda set_: ItemKNN(len(set_.items), len(set_.users)),
}


def build_arms(names: Sequence[str], set_: Interactions) -> dict[str, Arm]:
    """New arms, in the order of the table; no names: all of them.

    Raises:
        SettingsError: a name is unknown.
    """
    unknown = sorted(set(names) - set(ARMS))
    if unknown:
        raise SettingsError(f"there is no arm {', '.join(unknown)}\nChoose from {', '.join(ARMS)}.")
    return {name: build(set_) for name, build in ARMS.items() if not names or name in names}
