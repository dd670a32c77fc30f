"""Micro-batches of a set: what the trainer would learn from, and what is asked before."""

import math
from dataclasses import dataclass

import numpy as np

from benchmarks.arms.base import Questions
from benchmarks.ineligible import Ineligible, known_only, without
from benchmarks.interactions import Interactions
from benchmarks.timeline import Timeline
from pipeline.batch import Batch
from pipeline.config import ModelConfig
from pipeline.eligibility import EVERYTHING, Eligibility
from pipeline.histories import Histories
from pipeline.inputs import NOTHING, UserInputs
from pipeline.repeats import repeated_columns

SAMPLE_STREAM = 17


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Exposures start..end, and the batch that the trainer makes of the same events."""

    start: int
    end: int
    batch: Batch


class Batches:
    """Makes the micro-batches of a set in order; histories advance with them, event by event."""

    def __init__(
        self, set_: Interactions, timeline: Timeline, config: ModelConfig, eligible: Eligibility = EVERYTHING
    ) -> None:
        """`eligible`: which items may be answered with."""
        self._ineligible = Ineligible(set_, eligible)
        self._set, self._timeline, self._config = set_, timeline, config
        self._histories = Histories(config.history, users=max(len(set_.users), 1))
        self._numbers = {name: number for number, name in enumerate(set_.items)}

    def take(self, start: int, end: int) -> MicroBatch:
        """The micro-batch between these positions; each is taken once, in order."""
        set_ = self._set
        users, items = set_.user_n[start:end].tolist(), [set_.items[item] for item in set_.item_n[start:end].tolist()]
        names, times = [set_.users[user] for user in users], set_.time_n[start:end].tolist()
        labels = set_.labels_nt[start:end]
        before = self._histories.follow(names, items, times, np.any(labels > 0, axis=1).tolist())
        features = [set_.features_of_user(user) for user in users]
        batch = Batch(
            user_ids=names, item_ids=items, labels_bt=labels, user_features=features,
            contexts=[NOTHING] * len(users), history_items=before.items, history_ages=before.ages, times=times,
        )  # fmt: skip
        return MicroBatch(start, end, batch)

    def questions(self, micro: MicroBatch, n_items: int, most: int, sample: int | None = None) -> Questions:
        """The positives of the primary task, or a sample of them, in order.

        Args:
            micro: the micro-batch.
            n_items: items published for it.
            most: of these, no question knows more than so many.
            sample: at most so many of a full micro-batch, and of a short one as many as its share,
                drawn by its position; None: all.
        """
        set_, batch = self._set, micro.batch
        chosen = np.flatnonzero(batch.labels_bt[:, 0] > 0)
        if sample is not None:
            rng = np.random.default_rng((SAMPLE_STREAM, micro.start))
            asked = math.floor(sample * len(batch) / self._config.batch + rng.random())  # on average the same share
            chosen = np.sort(rng.choice(chosen, min(asked, len(chosen)), replace=False))
        rows, places = micro.start + chosen, chosen.tolist()
        histories = [batch.history_items[place] for place in places]
        users = UserInputs(
            [batch.user_ids[place] for place in places],
            [batch.user_features[place] for place in places],
            [NOTHING] * len(places),
            histories,
            [batch.history_ages[place] for place in places],
        )
        last = [self._numbers[history[-1]] if history else -1 for history in histories]
        past = self._timeline.seen(rows, n_items)
        again = self._timeline.repeats(micro.start)
        seen, taken = (past.cleared(), past) if again else (past, past.cleared())
        repeated = repeated_columns(histories if again else [], self._numbers, n_items, self._config.history)
        left_out = self._ineligible.at(int(set_.time_n[micro.start]), n_items)
        repeated, seen = without(repeated, left_out), seen.joined(left_out)
        known = np.minimum(self._timeline.known_items(rows), most)
        repeated, seen = known_only(repeated, known), seen.joined_unknown(known, n_items)
        return Questions(rows, set_.item_n[rows], users, np.array(last, np.int32), repeated, seen, taken, known)
