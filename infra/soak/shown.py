"""The report of a soak or an overload as people read it."""

from collections.abc import Iterator
from typing import Any


def lines(report: dict[str, Any]) -> Iterator[str]:
    """Figures, a line a process, and whatever is wrong."""
    yield from (_overload(report) if "overload" in report else _steady(report))
    yield f"{report['published']:,} published, {report['counted']:,} exposures counted"
    for complaint in report["complaints"]:
        yield f"WRONG: {complaint}"


def _steady(report: dict[str, Any]) -> Iterator[str]:
    queries, warm_s = report["queries"], report["warm_up_s"]
    yield (
        f"{report['rate']:,} exposures a second for {report['seconds']:,} s, of {report['greatest_rate']:,} possible; "
        f"held back for {report['held_back_s']:g} s"
    )
    yield f"{queries['n']:,} answers, p50 {queries['p50']} ms, p99 {queries['p99']} ms; {queries['unanswered']} failed"
    yield f"after {warm_s:,} s of warm-up, medians of the first and the last fifth of the time, MiB:"
    for role, found in report["processes"].items():
        if found:
            rss, files, threads = found["rss"], found["files"], found["threads"]
            yield (
                f"  {role:<10} resident {rss['first']} → {rss['last']} ({rss['growth']:+}), at most {rss['largest']}; "
                f"files {files['first']} → {files['last']}, threads {threads['first']} → {threads['last']}"
            )


def _overload(report: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{report['rate']:,} {report['overload']} a second for {report['flooded_s']} s, {report['times']} times the "
        f"{report['greatest_rate']:,} possible; caught up {report['caught_up_s']:g} s later"
    )
    yield f"{report['worst_lag_records']:,} records waited, the metric showed {report['shown_lag_records']:,}"
    for role, memory in report["memory"].items():
        yield f"  {role:<10} resident at most {memory['most']} MiB, {memory['before']} before"
