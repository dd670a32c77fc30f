"""Items of the user's own history, which have a bonus or a malus in every score."""

from typing import Final, NamedTuple

import numpy as np

from pipeline.arrays import Floats, Longs
from pipeline.ids import UNKNOWN
from serving.replica import Replica
from serving.users import User

NONE: Final = np.zeros(0, np.int64)


class Own(NamedTuple):
    """Distinct slots of one user's own items, the latest first, and what is added to their scores.

    >>> own = Own(np.array([7, 3]), np.array([[0.5, -1.0]], np.float32))
    >>> own.added(np.array([3, 4, 7])).tolist()
    [[-1.0, 0.0, 0.5]]
    """

    rows_r: Longs
    bonus_tr: Floats

    def added(self, rows_n: Longs) -> Floats:
        """What is added to the scores of slots, (T, n)."""
        added = np.zeros((len(self.bonus_tr), len(rows_n)), np.float32)
        if len(self.rows_r):
            order = np.argsort(self.rows_r)
            known = self.rows_r[order]
            place = np.minimum(np.searchsorted(known, rows_n), len(known) - 1)
            own = np.flatnonzero(known[place] == rows_n)
            added[:, own] = self.bonus_tr[:, order[place[own]]]
        return added


def own_items(replica: Replica, user: User, n_tasks: int) -> Own:
    """What the model says of the items of a user's history that the index knows."""
    if replica.model is None or not user.history:
        return Own(NONE, np.zeros((n_tasks, 0), np.float32))
    names, bonus_tn = replica.model.repeats(user.history)
    rows = replica.items.slots.find(names)
    known = rows != UNKNOWN
    return Own(rows[known], bonus_tn[:, known])
