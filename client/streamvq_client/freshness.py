"""Was a reader ever away from the end of its topics for longer than they keep what it would have to see?"""

import time
from collections.abc import Mapping
from typing import Final

from streamvq_client.progress import Place

_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady_now() -> float:
    """Seconds of a clock that nobody sets, and that goes on while the process or the machine sleeps."""
    return time.clock_gettime(_CLOCK)


class Freshness:
    """Ends that Kafka named, when it did, and whether the reader got there in time.

    >>> fresh = Freshness({("t", 0): 60.0}, ends={("t", 0): 5}, now=0.0)
    >>> fresh.look({("t", 0): 5}, {("t", 0): (9, 50.0)}, now=50.0)
    >>> fresh.look({("t", 0): 7}, {("t", 0): (9, 100.0)}, now=100.0)
    >>> fresh.look({("t", 0): 8}, {("t", 0): (9, 111.0)}, now=111.0)
    't[0] was not read to its end for 61 s'

    Args:
        away_s: place -> how long it may take.
        ends: place -> its end now.
        now: of a steady clock, as all times here.
    """

    def __init__(self, away_s: Mapping[Place, float], ends: Mapping[Place, int], now: float) -> None:
        self._away_s = dict(away_s)
        self._seen = {place: (ends[place], now) for place in away_s}
        self._looked = now

    @property
    def at(self) -> float:
        """All that was written before has been read."""
        return min((at for _, at in self._seen.values()), default=self._looked)

    def slept(self, now: float) -> str | None:
        """What is wrong when nobody has looked for so long; to be asked before anything is read."""
        away_s, self._looked = now - self._looked, now
        if away_s > min(self._away_s.values(), default=away_s):
            return f"this process was asleep or busy for {away_s:.0f} s"
        return None

    def look(
        self, positions: Mapping[Place, int], answers: Mapping[Place, tuple[int, float]], now: float
    ) -> str | None:
        """What is wrong now, if anything is.

        Args:
            positions: place -> next offset to read.
            answers: place -> the end that Kafka named last, and when; only where it did.
            now: the time.
        """
        for place, (end, at) in self._seen.items():
            named, since = answers.get(place, (end, at))
            if positions[place] < end:
                since = now
            elif named == end or since - at <= self._away_s[place]:
                self._seen[place] = named, max(at, since)
                continue
            if since - at > self._away_s[place]:
                return f"{place[0]}[{place[1]}] was not read to its end for {since - at:.0f} s"
        return None
