"""What must move while a process works, and for how long it has not."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from schemas.errors import StreamVQError
from tables.errors import StalledError, StuckError


class Pulse:
    """One thing that must move: `beat` says that it did, from any thread.

    Its clock stands still while the process does (see `Pulses`), and while nothing is expected of it. `note` says why
    it stands still, where somebody knows.

    >>> pulses = Pulses()
    >>> step = pulses.add("step", limit_s=5.0)
    >>> with step.during():
    ...     pulses.advance(6.0)
    ...     str(pulses.overdue())
    'step has stood still for 6 s, the limit is 5 s'
    >>> pulses.overdue()
    """

    def __init__(self, what: str, limit_s: float, now: Callable[[], float], error: type[StreamVQError]) -> None:
        self.what, self.limit_s, self.error = what, limit_s, error
        self.note = ""
        self._now = now
        self._since: float | None = None
        self._reached: object = None

    @property
    def still_s(self) -> float:
        """Seconds since it last moved; 0 while it need not."""
        since = self._since
        return 0.0 if since is None else self._now() - since

    @property
    def overdue(self) -> bool:
        """Whether it has stood still for longer than it may."""
        # The limit first: `during` rests before it takes a longer limit back, maybe in another thread just now.
        limit_s = self.limit_s
        return self.still_s > limit_s

    def beat(self) -> None:
        """It moved, and is expected to move again."""
        self.note = ""
        self._since = self._now()

    def rest(self) -> None:
        """Nothing is expected of it until the next `beat`."""
        self._since = None

    def look(self, reached: object, *, behind: bool) -> None:
        """Where something stands: it moved if that is another place than last time, and need not if it is not behind.

        Not to look at all counts as standing still, too: so whoever looks is watched as well.
        """
        if not behind or reached != self._reached:
            self.beat()
        self._reached = reached

    @contextmanager
    def during(self, limit_s: float | None = None) -> Iterator[None]:
        """Inside the block one thing is under way, which must end within the limit, or within another one."""
        usual = self.limit_s
        self.limit_s = limit_s or usual
        self.beat()
        try:
            yield
        finally:
            self.rest()
            self.limit_s = usual

    def __str__(self) -> str:
        because = f" ({self.note})" if self.note else ""
        return f"{self.what} has stood still for {self.still_s:.0f} s{because}, the limit is {self.limit_s:g} s"


class Pulses(Collector):
    """Every pulse of one process, for whoever watches them, and for Prometheus.

    Time passes when the watching thread says so, a little at a time: a process that was paused for longer than all
    limits has not hung, and on a machine that is full time passes as slowly as its work gets done.
    """

    def __init__(self) -> None:
        self._time = 0.0
        self._pulses: dict[int, Pulse] = {}
        self._numbers = itertools.count()

    def add(self, what: str, limit_s: float, error: type[StreamVQError] = StuckError) -> Pulse:
        """Something new that must move once it has begun to."""
        pulse = Pulse(what, limit_s, lambda: self._time, error)
        self._pulses[next(self._numbers)] = pulse
        return pulse

    def stream(self, what: str, limit_s: float) -> Pulse:
        """The same for something that waits for Kafka."""
        return self.add(what, limit_s, StalledError)

    def remove(self, *pulses: Pulse) -> None:
        """These need not move any more."""
        self._pulses = {number: pulse for number, pulse in self._pulses.items() if pulse not in pulses}

    def advance(self, seconds: float) -> None:
        """So much time has passed."""
        self._time += seconds

    def overdue(self) -> Pulse | None:
        """One that has stood still for longer than it may."""
        return next((pulse for pulse in list(self._pulses.values()) if pulse.overdue), None)

    def collect(self) -> Iterator[Metric]:
        """For Prometheus."""
        still = GaugeMetricFamily("svq_still_seconds", "Time since something that must move last did", labels=["what"])
        limit = GaugeMetricFamily("svq_still_limit_seconds", "Time after which the process ends", labels=["what"])
        for pulse in list(self._pulses.values()):
            still.add_metric([pulse.what], pulse.still_s)
            limit.add_metric([pulse.what], pulse.limit_s)
        yield still
        yield limit
