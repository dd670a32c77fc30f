"""How long a worker and its tables take to come back, beside reading the same records and doing nothing with them."""

import asyncio

from benchmarks import restart, restore
from benchmarks.speed.conditions import Conditions
from benchmarks.speed.figures import Figure, Spread


def measure(conditions: Conditions) -> list[Figure]:
    """1 M items, a row in both tables; 100,000 in the quick form."""
    return asyncio.run(of_size(conditions, 100_000 if conditions.quick else 1_000_000))


async def of_size(conditions: Conditions, items: int) -> list[Figure]:
    """So many items."""
    bootstrap = conditions.bootstrap()
    restored = await restore.measure(bootstrap, items, conditions.folder / "restored")
    restarted = await restart.measure(bootstrap, items, conditions.folder / "restarted")
    more_s = restarted.full_s - restarted.empty_s
    settings = {"items": items, "rows": restored.rows, "mib": restored.mib, "cpu_s": round(restored.restore_cpu_s, 2)}
    return [
        Figure(
            "restore_indexer_vs_getmany",
            f"an indexer's tables of {items:,} items from their changelogs into RocksDB",
            "reading the same records with aiokafka alone",
            "s",
            Spread.once(restored.restore_s),
            Spread.once(restored.raw_s),
            restored.ratio_to_raw,
            settings,
        ),
        Figure(
            "restart_indexer_vs_getmany",
            f"start of an indexer to its first committed row, {items:,} items, less what an empty one takes",
            "reading the same records with aiokafka alone",
            "s",
            Spread.once(more_s),
            Spread.once(restored.raw_s),
            restored.raw_s / more_s,
            {"items": items, "empty_s": round(restarted.empty_s, 2)},
        ),
    ]
