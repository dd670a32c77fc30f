"""Exposures and what their users liked before, as the arrays of one training step."""

from collections.abc import Sequence

import numpy as np

from pipeline.histories import Histories
from pipeline.learner import Batch
from schemas.events import Exposure


def training_batch(exposures: Sequence[Exposure], histories: Histories, tasks: Sequence[str]) -> Batch:
    """The batch; each positive joins its user's history behind the exposure it came from.

    Args:
        exposures: in order of arrival.
        histories: read as of before each exposure (strictly earlier in event time), then moved on.
        tasks: names of the labels, in the model's order.
    """
    items: list[Sequence[str]] = []
    ages: list[Sequence[float]] = []
    for exposure in exposures:
        now = exposure.timestamp
        before = histories.as_of(exposure.user_id, now)
        items.append(before.items)
        ages.append([(now - time) / 1000 for time in before.times])
        if any(label > 0 for label in exposure.labels.values()):
            histories.append(exposure.user_id, exposure.item_id, now)
    missing = float("nan")
    labels = [[exposure.labels.get(task, missing) for task in tasks] for exposure in exposures]
    return Batch(
        user_ids=[exposure.user_id for exposure in exposures],
        item_ids=[exposure.item_id for exposure in exposures],
        labels_bt=np.array(labels, np.float32).reshape(len(exposures), len(tasks)),
        user_features=[exposure.user for exposure in exposures],
        contexts=[exposure.context for exposure in exposures],
        history_items=items,
        history_ages=ages,
        times=[exposure.timestamp for exposure in exposures],
    )
