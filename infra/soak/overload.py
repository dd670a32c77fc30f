"""Far more than the workers can take: does memory stay bounded, is the lag seen, is nothing lost, do they catch up?"""

import asyncio
import itertools
from typing import Any, NamedTuple

from benchmarks.machine import machine
from infra.load.ledger import read_ledger
from infra.soak.gauges import lag
from infra.soak.stand import Stand, beside
from infra.soak.usage import Series

LOOK_S = 1.0
SAY_EVERY = 15  # looks
COUNT_DEADLINE_S = 120.0
SEEN = 0.5  # of the lag that there was must have stood in the metric


class _Flood(NamedTuple):
    """What was published, how long that took, how much waited at its end, and how long it took to catch up."""

    offered: int
    seconds: float
    behind: int
    caught_up_s: float


class _Watch:
    """The greatest lag there was, and the greatest that the metric showed, both in records."""

    def __init__(self, stand: Stand) -> None:
        self.worst, self.shown = 0.0, 0.0
        settings = stand.stack.settings
        exposures = stand.options.overload == "exposures"
        self._stand, self._per_record = stand, stand.driver.lines or 1 if exposures else 1
        self._topic = settings.topics.exposures if exposures else settings.topics.candidates
        self._port = (settings.trainer if exposures else settings.indexer).metrics_port or 0

    async def run(self) -> None:
        """Look until cancelled, and say now and then how it goes."""
        backlog = self._stand.wire.backlog
        for number in itertools.count():
            self.worst = max(self.worst, backlog.lag / self._per_record)
            self.shown = max(self.shown, await lag(self._port, self._topic) or 0.0)
            if number % SAY_EVERY == 0:
                self._stand.say(f"{backlog.published:,} published, {backlog.lag:,} wait")
            await asyncio.sleep(LOOK_S)


async def overload(stand: Stand) -> dict[str, Any]:
    """Calibrate, flood, wait until all is caught up with, count; the report."""
    await stand.calibrate(stand.options.calibrate_s)
    await stand.wire.until_learned()
    calm = {role: len(samples) for role, samples in stand.series.items()}
    watch = _Watch(stand)
    async with beside(watch.run()):
        flood = await _flood(stand)
    settings = stand.stack.settings
    expected = stand.wire.backlog.published if stand.options.overload == "exposures" else 0
    ledger = await read_ledger(settings.kafka, settings.topics, expected, COUNT_DEADLINE_S)
    stale, memory = await stand.driver.stale(), _memory(stand.series, calm)
    return {
        "overload": stand.options.overload,
        "greatest_rate": round(stand.greatest_rate),
        "rate": round(flood.offered / flood.seconds),
        "times": round(flood.offered / flood.seconds / stand.greatest_rate, 1),
        "flooded_s": round(flood.seconds),
        "published": stand.wire.backlog.published,
        "worst_lag_records": round(watch.worst),
        "shown_lag_records": round(watch.shown),
        "caught_up_s": round(flood.caught_up_s, 1),
        "catch_up_rate": round(flood.behind / max(flood.caught_up_s, LOOK_S)),
        "counted": ledger.counted,
        "dead_letters": ledger.dead_letters,
        "stale_items": len(stale),
        "memory": memory,
        "restarts": stand.restarts,
        "machine": machine(),
        "complaints": _complaints(stand, watch, ledger.counted, expected, memory, len(stale)),
    }


async def _flood(stand: Stand) -> _Flood:
    loop, backlog, options = asyncio.get_running_loop(), stand.wire.backlog, stand.options
    before, begun = backlog.published, loop.time()
    await stand.driver.publish(60 * options.minutes, options.times * stand.greatest_rate, patient=False)
    await stand.wire.flush()
    ended, behind = loop.time(), backlog.lag
    stand.say(f"the flood is over; {behind:,} wait")
    await stand.wire.until_learned()
    return _Flood(backlog.published - before, ended - begun, behind, loop.time() - ended)


def _memory(series: Series, before: dict[str, int]) -> dict[str, dict[str, float]]:
    """Resident MiB of each process: the most before the flood, and the most since."""
    found = {}
    for role, samples in series.items():
        calm = max(one.rss for one in samples[: before.get(role, 1)])
        most = max((one.rss for one in samples[before.get(role, 1) :]), default=calm)
        found[role] = {"before": round(calm, 1), "most": round(most, 1), "growth": round(most - calm, 1)}
    return found


def _complaints(
    stand: Stand, watch: _Watch, counted: int, expected: int, memory: dict[str, dict[str, float]], stale: int
) -> list[str]:
    most = stand.options.most_mb
    found = [f"{role}: grew by {one['growth']} MiB" for role, one in memory.items() if one["growth"] >= most]
    found += [f"{role}: started again {number} times" for role, number in stand.restarts.items() if number]
    if watch.shown < SEEN * watch.worst:
        found.append(f"the metric showed a lag of {watch.shown:,.0f} records, there were {watch.worst:,.0f}")
    if expected and counted != expected:
        found.append(f"{expected:,} exposures were published, {counted:,} counted")
    if stale:
        found.append(f"{stale} items are not as they were published last")
    return found
