"""Who foresaw how many purchases: hits of every arm on the same purchase lines, customer by customer."""

from collections.abc import Collection, Mapping, Sequence

from infra.demo.intervals import Estimate, shares_and_ratios

POPULARITY = "popularity"


class Scoreboard:
    """Counts for each arm how many sampled lines its answer held.

    Popularity comes as several arms, `popularity@<half-life>`; the best of them over the whole sample is shown as
    `popularity`: chosen in hindsight, so it is rather too good than too bad.

    >>> board = Scoreboard()
    >>> board.add("u1", [7, 8], {"svq": {7, 9}, "popularity@10": {1}, "popularity@20": {8}})
    >>> board.shares()
    {'svq': 0.5, 'popularity': 0.5}
    """

    def __init__(self) -> None:
        self.lines = 0
        self._hits: dict[str, dict[str, int]] = {}
        self._trials: dict[str, int] = {}

    def add(self, user_id: str, lines: Sequence[int], answers: Mapping[str, Collection[int]]) -> None:
        """One customer's sampled lines (products), and what each arm answered before they were published."""
        self.lines += len(lines)
        self._trials[user_id] = self._trials.get(user_id, 0) + len(lines)
        for arm, answer in answers.items():
            hits = self._hits.setdefault(arm, {})
            hits[user_id] = hits.get(user_id, 0) + sum(line in answer for line in lines)

    def shares(self) -> dict[str, float]:
        """Share of hits so far, arm by arm; empty before the first line."""
        return {name: sum(hits.values()) / self.lines for name, hits in self._best().items()}

    def popularity_half_life(self) -> float | None:
        """Half-life of the best popularity, in events."""
        named = self._best_popularity()
        return float(named.partition("@")[2]) if named else None

    def estimates(self, *, seed: int) -> dict[str, Estimate]:
        """Shares with 95 % intervals, and `svq` over exact and over popularity."""
        users = list(self._trials)
        best = self._best()
        ratios = [("svq", other) for other in ("exact", POPULARITY) if "svq" in best and other in best]
        hits = {name: [by_user.get(user, 0) for user in users] for name, by_user in best.items()}
        return shares_and_ratios(hits, [self._trials[user] for user in users], ratios, seed=seed)

    def _best(self) -> dict[str, dict[str, int]]:
        chosen = self._best_popularity()
        named = {name: hits for name, hits in self._hits.items() if not name.startswith(f"{POPULARITY}@")}
        return named | {POPULARITY: self._hits[chosen]} if chosen else named

    def _best_popularity(self) -> str | None:
        arms = [name for name in self._hits if name.startswith(f"{POPULARITY}@")]
        return max(arms, key=lambda name: sum(self._hits[name].values()), default=None)
