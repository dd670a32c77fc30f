"""What is true of a synthetic stream, and the best that anybody could have answered."""

from dataclasses import dataclass

import numpy as np

from benchmarks.interactions import Interactions
from pipeline.arrays import Doubles, Floats, Ints, Longs


@dataclass(frozen=True, slots=True)
class Truth:
    """The probability of every item, for each user, in each of P periods.

        p(item | user) = (1 - noise) softmax(sharpness taste·place + log weight) + noise / M

    The softmax is over published items of living topics, with the place of the item's topic: exactly what two towers
    and a bias can express. Noise is over all M published items.

    Attributes:
        first: milliseconds since the epoch at which the first period starts.
        length: of a period, milliseconds.
        tastes_ud: users' tastes, unit length.
        places_pkd: places of topics, unit length.
        alive_pk: 1 while a topic lives.
        topic_pm: topic of each item.
        weight_pm: weight of each item.
        published_m: period from which each item exists, never decreasing.
        sharpness, noise: as in the formula.
    """

    first: int
    length: float
    tastes_ud: Doubles
    places_pkd: Doubles
    alive_pk: Floats
    topic_pm: Ints
    weight_pm: Doubles
    published_m: Longs
    sharpness: float
    noise: float

    def period_of(self, time_n: Longs) -> Longs:
        """Period of each time."""
        periods: Longs = ((time_n - self.first) / self.length).astype(np.int64)
        return np.clip(periods, 0, len(self.places_pkd) - 1)

    def start_of(self, period_n: Longs) -> Longs:
        """First millisecond of each period."""
        times: Longs = np.ceil(self.first + period_n * self.length).astype(np.int64)
        return times

    def probabilities(self, period: int, users: Ints | Longs) -> Doubles:
        """True probability of every item for these users, (Q, M); 0 for what is not published yet."""
        exists_m = self.published_m <= period
        topic_m = self.topic_pm[period]
        weight_m = self.weight_pm[period] * exists_m * self.alive_pk[period][topic_m]
        appeal_qk = np.exp(self.sharpness * (self.tastes_ud[users] @ self.places_pkd[period].T - 1.0))
        chosen_qm = appeal_qk[:, topic_m] * weight_m
        total_q1 = np.maximum(chosen_qm.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        by_taste: Doubles = (1 - self.noise) * chosen_qm / total_q1 + self.noise * exists_m / exists_m.sum()
        return by_taste

    def best(self, period: int, users: Ints | Longs, k: int) -> Ints:
        """The k most probable items of each user, best first, (Q, k): the oracle's answer."""
        order: Ints = np.argsort(-self.probabilities(period, users), axis=1, kind="stable")[:, :k].astype(np.int32)
        return order

    def ceiling(self, stream: Interactions, k: int) -> Doubles:
        """Probability that the oracle's first k hold the item of each exposure, (N,): the most that hit@k can be.

        Expected rather than counted, which is less noisy.
        """
        ceiling_n = np.empty(len(stream))
        period_n = self.period_of(stream.time_n)
        for period in np.unique(period_n).tolist():
            rows = np.flatnonzero(period_n == period)
            users, inverse = np.unique(stream.user_n[rows], return_inverse=True)
            most = np.sort(self.probabilities(period, users), axis=1)[:, -k:]
            ceiling_n[rows] = most.sum(axis=1)[inverse]
        return ceiling_n
