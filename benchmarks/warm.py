"""Machine code before the clock starts: loops are compiled at their first call, which no arm is to pay for."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Final

import numpy as np

from benchmarks.arms.registry import build_arms
from benchmarks.interactions import Interactions
from benchmarks.replay import Replay
from benchmarks.synthetic.drift import Drift, drifting
from pipeline.config import Feature, ModelConfig
from pipeline.eligibility import Eligibility

STREAM: Final = Drift(events=256, users=16, items=320, topics=4, periods=8, bursts=2)
FEATURES: Final = (
    Feature("one", "item", "categorical"), Feature("several", "item", "multi"), Feature("number", "item", "numeric"),
)  # fmt: skip
YEAR_MS: Final = 365 * 86_400_000


@cache
def warm(arms: tuple[str, ...]) -> None:
    """Replay a few micro-batches that nobody looks at, once a process; `arms` are the names wanted, none: all.

    One stream repeats items and one does not, since arms take other ways there. What was compiled is kept on disk.
    """
    for set_ in _streams():
        config = ModelConfig(
            tasks=set_.tasks, features=FEATURES, dim=8, id_dim=8, hidden=8, batch=64, codes=8, start_steps=1,
            start_exposures=1, admit_after=1,
        )  # fmt: skip
        rule = Eligibility(YEAR_MS)
        Replay(set_, config, build_arms(arms, set_, config.batch), eligible=rule).run()


def _streams() -> Iterator[Interactions]:
    stream, _ = drifting(STREAM)
    stream = replace(stream, features=FEATURES)
    yield stream
    pair_n = stream.user_n.astype(np.int64) * len(stream.items) + stream.item_n
    kept = np.sort(np.unique(pair_n, return_index=True)[1])
    yield replace(
        stream, user_n=stream.user_n[kept], item_n=stream.item_n[kept], time_n=stream.time_n[kept],
        labels_nt=stream.labels_nt[kept],
    )  # fmt: skip
