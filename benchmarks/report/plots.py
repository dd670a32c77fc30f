"""One evaluation as plots."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.report.arms import ordered
from benchmarks.report.style import COLOURS, GREY, axes, look, svg

Result = Mapping[str, Any]
HEADLINE = "hit@100"
OVER_TIME = ("exact", "svq", "hnsw", "hnsw+buffer", "popularity", "item-knn")
BY_AGE = ("exact", "svq", "hnsw", "hnsw+buffer", "ivf", "ivf+buffer")
INDEXES = ("hnsw", "hnsw+buffer", "ivf", "ivf+buffer", "exact")
AGES = {"1h": "up to 1 h", "1d": "1 h to 1 d", "7d": "1 d to 7 d", "older": "longer"}
MOST_CODES = 1024  # drawn on a map, so that a file stays small


def plots(result: Result) -> dict[str, str]:
    """SVG by name, of what the results object holds."""
    drawings: dict[str, Callable[[Result], str | None]] = {
        "over-time": over_time,
        "pareto": pareto,
        "freshness": freshness,
        "cluster-sizes": cluster_sizes,
        "code-map": code_map,
    }
    drawn = {name: draw(result) for name, draw in drawings.items()}
    return {name: text for name, text in drawn.items() if text is not None}


def over_time(result: Result) -> str | None:
    """Hit@100 of the main arms along the stream."""
    arms = _present(result, OVER_TIME, "over_time")
    if not arms:
        return None
    title = f"{_name(result)}: {HEADLINE} along the stream"
    with axes() as drawn:
        for arm in arms:
            windows = [window for window in result["arms"][arm]["over_time"] if window["n"]]
            events = [window["event"] / 1000 for window in windows]
            drawn.plot(events, [window[HEADLINE] for window in windows], **look(arm), markersize=4)
        _finish(drawn, title, "exposures learned from, thousands", HEADLINE)
        return svg(drawn, title)


def pareto(result: Result) -> str | None:
    """Hit@100 against the share of items scored."""
    found = result["arms"]
    budgets = [arm for arm in ordered(found) if arm.startswith("svq@") and found[arm].get("scored_share")]
    if not budgets:
        return None
    title = f"{_name(result)}: {HEADLINE} against the share of items scored"
    with axes() as drawn:
        points = sorted((100 * found[arm]["scored_share"], found[arm][HEADLINE]) for arm in budgets)
        drawn.plot(*zip(*points, strict=True), **{**look("svq"), "label": "svq, by budget"})
        for arm in INDEXES:
            if found.get(arm, {}).get("scored_share"):
                place = [100 * found[arm]["scored_share"]], [found[arm][HEADLINE]]
                hollow = {"markerfacecolor": "none"} if "buffer" in arm else {}
                drawn.plot(*place, **{**look(arm), "linestyle": "none"}, **hollow, markersize=8)
        drawn.set_xscale("log")
        drawn.xaxis.set_major_formatter(lambda value, _place: f"{value:g}")
        _finish(drawn, title, "items scored a question, % of those known", HEADLINE)
        return svg(drawn, title)


def freshness(result: Result) -> str | None:
    """Hit@100 by the time since the item was first exposed."""
    arms = _present(result, BY_AGE, "by_age")
    if not arms:
        return None
    title = f"{_name(result)}: {HEADLINE} by age of the item"
    with axes() as drawn:
        for arm in arms:
            entries = result["arms"][arm]["by_age"]
            values = [entries[age][HEADLINE] if entries.get(age, {}).get("n") else np.nan for age in AGES]
            drawn.plot(range(len(AGES)), values, **look(arm))
        drawn.set_xticks(range(len(AGES)), AGES.values())
        _finish(drawn, title, "time since the first exposure of the item", HEADLINE)
        return svg(drawn, title)


def cluster_sizes(result: Result) -> str | None:
    """Items a cluster, largest first, beside their mean and four times it."""
    sizes = np.sort(np.asarray(result.get("codes", {}).get("sizes", ()), np.float64))[::-1]
    if not sizes.sum():
        return None
    title = f"{_name(result)}: items a cluster, largest first"
    with axes() as drawn:
        drawn.fill_between(np.arange(1, len(sizes) + 1), sizes, step="mid", color=COLOURS["svq"], linewidth=0)
        for factor, style in ((1, "-"), (4, "--")):
            label = "mean" if factor == 1 else f"{factor} × mean"
            drawn.axhline(factor * sizes.mean(), color=COLOURS["hnsw"], linestyle=style, label=label)
        _finish(drawn, title, "cluster, by size", "items")
        return svg(drawn, title)


def code_map(result: Result) -> str | None:
    """Codes in two dimensions: area by items, colour by exposures."""
    codes = sorted(result.get("codes", {}).get("map", ()), key=lambda code: -code[2])
    if not codes:
        return None
    x, y, items, exposures = np.array(codes[:MOST_CODES], np.float64).T
    which = "" if len(codes) <= MOST_CODES else f", the {MOST_CODES} largest of {len(codes)}"
    title = f"{_name(result)}: the codes in 2-D{which}"
    with axes() as drawn:
        area = 12 + 300 * items / max(items.max(), 1)
        points = drawn.scatter(
            x, y, area, exposures / max(exposures.sum(), 1) * 100, cmap="viridis", alpha=0.85, edgecolors=GREY
        )
        drawn.figure.colorbar(points, label="exposures, %")
        drawn.set_xticks([])
        drawn.set_yticks([])
        drawn.set_title(f"{title}; area: items")
        return svg(drawn, title)


def _name(result: Result) -> str:
    return str(result["data"]["name"])


def _present(result: Result, arms: Sequence[str], key: str) -> list[str]:
    return [arm for arm in arms if result["arms"].get(arm, {}).get(key)]


def _finish(drawn: Any, title: str, x: str, y: str) -> None:
    drawn.set_title(title)
    drawn.set_xlabel(x)
    drawn.set_ylabel(y)
    drawn.set_ylim(bottom=0)
    drawn.legend(loc="center left", bbox_to_anchor=(1, 0.5))
