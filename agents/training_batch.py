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
    users = [exposure.user_id for exposure in exposures]
    items = [exposure.item_id for exposure in exposures]
    times = [exposure.timestamp for exposure in exposures]
    positive = [any(label > 0 for label in exposure.labels.values()) for exposure in exposures]
    before = histories.follow(users, items, times, positive)
    missing = float("nan")
    labels = [[exposure.labels.get(task, missing) for task in tasks] for exposure in exposures]
    return Batch(
        user_ids=users,
        item_ids=items,
        labels_bt=np.array(labels, np.float32).reshape(len(exposures), len(tasks)),
        user_features=[exposure.user for exposure in exposures],
        contexts=[exposure.context for exposure in exposures],
        history_items=before.items,
        history_ages=before.ages,
        times=times,
    )
