"""The soak itself: an hour at a share of the greatest rate, and what the processes have grown by at its end."""

import asyncio
from typing import Any

from benchmarks.machine import machine
from infra.load.ledger import Ledger, read_ledger
from infra.soak.process_growth import growth
from infra.soak.stand import Stand, beside

LAG_S = 30.0  # the trainer may be behind by so many seconds of the rate; then the load waits for it
SAY_S = 30.0
COUNT_DEADLINE_S = 120.0


async def soak(stand: Stand) -> dict[str, Any]:
    """Calibrate, load, count; the report."""
    options, loop = stand.options, asyncio.get_running_loop()
    await stand.calibrate(options.calibrate_s)
    rate = options.share * stand.greatest_rate
    stand.wire.backlog.window = round(LAG_S * rate)
    begun = loop.time()
    warm_at = begun + 60 * options.warm_minutes
    before = stand.wire.backlog.published
    driver = stand.driver
    async with beside(driver.turn_over(options.turns), driver.ask(options.queries), _tell(stand)):
        await driver.publish(60 * options.minutes, rate)
    seconds = loop.time() - begun
    offered = stand.wire.backlog.published - before
    grown = {role: growth(samples, warm_at) for role, samples in stand.series.items()}
    await stand.wire.until_learned()
    kafka, topics = stand.stack.settings.kafka, stand.stack.settings.topics
    ledger = await read_ledger(kafka, topics, stand.wire.backlog.published, COUNT_DEADLINE_S)
    return _report(stand, rate, seconds, offered, ledger) | {
        "processes": {role: found.plain() if found else None for role, found in grown.items()},
        "complaints": [
            f"{role}: {complaint}"
            for role, found in grown.items()
            for complaint in (found.complaints(options.most_mb, options.most_files) if found else ["too few samples"])
        ]
        + [f"{role}: started again {number} times" for role, number in stand.restarts.items() if number]
        + _miscounted(stand, ledger),
    }


def _report(stand: Stand, rate: float, seconds: float, offered: int, ledger: Ledger) -> dict[str, Any]:
    options, done = stand.options, stand.driver.done
    return {
        "seconds": round(seconds),
        "warm_up_s": round(60 * options.warm_minutes),
        "greatest_rate": round(stand.greatest_rate),
        "rate_wanted": round(rate),
        "rate": round(offered / seconds),
        "held_back_s": round(done.held_back_s, 1),
        "published": stand.wire.backlog.published,
        "counted": ledger.counted,
        "dead_letters": ledger.dead_letters,
        "turned_over": done.turned,
        "queries": done.answered.summary() | {"unanswered": done.unanswered},
        "restarts": stand.restarts,
        "machine": machine(),
        "settings": {
            "users": options.users,
            "items": options.items,
            "turns_a_second": options.turns,
            "queries_a_second": options.queries,
            "indexers": options.indexers,
            "partitions": stand.stack.settings.kafka.partitions,
            "seed": options.seed,
            "heap_mb": stand.stack.settings.broker.heap_mb,
        },
    }


def _miscounted(stand: Stand, ledger: Ledger) -> list[str]:
    published = stand.wire.backlog.published
    return (
        [f"{published:,} exposures were published, {ledger.counted:,} counted"] if ledger.counted != published else []
    )


async def _tell(stand: Stand) -> None:
    while True:
        backlog = stand.wire.backlog
        latest = [f"{role} {samples[-1].rss:.0f} MB" for role, samples in stand.series.items() if samples]
        stand.say(f"{backlog.published:,} published, {backlog.lag:,} not yet learned; {', '.join(latest)}")
        await asyncio.sleep(SAY_S)
