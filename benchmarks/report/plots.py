"""One evaluation as plots."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from benchmarks.report.arms import ordered
from benchmarks.report.style import COLOURS, GREY, axes, look, svg

Result = Mapping[str, Any]
HEADLINE = "hit@100"
OVER_TIME = ("exact", "svq", "hnsw", "hnsw+buffer", "popularity", "item-knn", "gp-topfreq")
BY_AGE = ("exact", "svq", "hnsw", "hnsw+buffer", "ivf", "ivf+buffer")
INDEXES = ("hnsw", "hnsw+buffer", "ivf", "ivf+buffer", "exact")
AGES = {"1h": "up to 1 h", "1d": "1 h to 1 d", "7d": "1 d to 7 d", "older": "longer"}
MOST_CODES = 1024  # drawn on a map, so that a file stays small


def plots(result: Result) -> dict[str, str]:
    """SVG by name, of what the results object holds."""
    return {name: PLOTS[name].draw(result, f"{result['data']['name']}: {PLOTS[name].title}") for name in held(result)}


def held(result: Result) -> list[str]:
    """Names of the plots for which there are numbers."""
    return [name for name, plot in PLOTS.items() if plot.held(result)]


def over_time(result: Result, title: str) -> str:
    """Hit@100 of the main arms along the stream."""
    with axes() as drawn:
        for arm in _present(result, OVER_TIME, "over_time"):
            windows = [window for window in result["arms"][arm]["over_time"] if window["n"]]
            events = [window["event"] / 1000 for window in windows]
            drawn.plot(events, [window[HEADLINE] for window in windows], **look(arm), markersize=4)
        _finish(drawn, title, "exposures learned from, thousands", HEADLINE)
        return svg(drawn, title)


def pareto(result: Result, title: str) -> str:
    """Hit@100 against the share of items scored."""
    found = result["arms"]
    with axes() as drawn:
        points = sorted((100 * found[arm]["scored_share"], found[arm][HEADLINE]) for arm in _budgets(result))
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


def freshness(result: Result, title: str) -> str:
    """Hit@100 by the time since the item was first exposed."""
    with axes() as drawn:
        for arm in _present(result, BY_AGE, "by_age"):
            entries = result["arms"][arm]["by_age"]
            values = [entries[age][HEADLINE] if entries.get(age, {}).get("n") else np.nan for age in AGES]
            drawn.plot(range(len(AGES)), values, **look(arm))
        drawn.set_xticks(range(len(AGES)), AGES.values())
        _finish(drawn, title, "time since the first exposure of the item", HEADLINE)
        return svg(drawn, title)


def cluster_sizes(result: Result, title: str) -> str:
    """Items a cluster, largest first, beside their mean and four times it."""
    sizes = np.sort(np.asarray(result["codes"]["sizes"], np.float64))[::-1]
    with axes() as drawn:
        drawn.fill_between(np.arange(1, len(sizes) + 1), sizes, step="mid", color=COLOURS["svq"], linewidth=0)
        for factor, style in ((1, "-"), (4, "--")):
            label = "mean" if factor == 1 else f"{factor} × mean"
            drawn.axhline(factor * sizes.mean(), color=COLOURS["hnsw"], linestyle=style, label=label)
        _finish(drawn, title, "cluster, by size", "items")
        return svg(drawn, title)


def code_map(result: Result, title: str) -> str:
    """Codes in two dimensions: area by items, colour by exposures."""
    codes = sorted(result["codes"]["map"], key=lambda code: -code[2])
    x, y, items, exposures = np.array(codes[:MOST_CODES], np.float64).T
    which = "" if len(codes) <= MOST_CODES else f", the {MOST_CODES} largest of {len(codes)}"
    title += which
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


def _present(result: Result, arms: Sequence[str], key: str) -> list[str]:
    return [arm for arm in arms if result["arms"].get(arm, {}).get(key)]


def _finish(drawn: Any, title: str, x: str, y: str) -> None:
    drawn.set_title(title)
    drawn.set_xlabel(x)
    drawn.set_ylabel(y)
    drawn.set_ylim(
        0, 1.05 * drawn.dataLim.y1 or 1
    )  # room for whole markers: a margin of the data's own span is too small
    drawn.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def _budgets(result: Result) -> list[str]:
    found = result["arms"]
    return [arm for arm in ordered(found) if arm.startswith("svq@") and found[arm].get("scored_share")]


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing, what it shows, and whether a result has the numbers for it."""

    title: str
    draw: Callable[[Result, str], str]
    held: Callable[[Result], bool]


PLOTS: Final[Mapping[str, Plot]] = {
    "over-time": Plot(
        f"{HEADLINE} along the stream", over_time, lambda result: bool(_present(result, OVER_TIME, "over_time"))
    ),
    "pareto": Plot(f"{HEADLINE} against the share of items scored", pareto, lambda result: bool(_budgets(result))),
    "freshness": Plot(
        f"{HEADLINE} by age of the item", freshness, lambda result: bool(_present(result, BY_AGE, "by_age"))
    ),
    "cluster-sizes": Plot(
        "items a cluster, largest first", cluster_sizes, lambda result: any(result.get("codes", {}).get("sizes", ()))
    ),
    "code-map": Plot("the codes in 2-D", code_map, lambda result: bool(result.get("codes", {}).get("map"))),
}
