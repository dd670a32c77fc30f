"""How plots look: legible on white and on dark pages, the same bytes for the same numbers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import StringIO
from typing import Any

from schemas.errors import SettingsError

GREY = "#7a7f87"
WHITE, DARK = "#ffffff", "#0d1117"  # the pages it has to be legible on
# Okabe and Ito's colours, which the colour-blind can tell apart, the light ones darkened to show on white.
COLOURS = {
    "exact": GREY,
    "svq": "#0a7cc4",
    "hnsw": "#d55e00",
    "ivf": "#b8860b",
    "popularity": "#c2609a",
    "item-knn": "#009573",
    "gp-topfreq": "#857c00",
}
DASHED = "buffer"  # arms with a buffer are dashed, so that colour is never the only difference
MARKERS = {"exact": "s", "svq": "o", "hnsw": "^", "ivf": "v", "popularity": "D", "item-knn": "P", "gp-topfreq": "X"}
SIZE = (7.0, 4.0)
PARAMETERS = {
    "svg.hashsalt": "streamvq",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": GREY,
    "axes.labelcolor": GREY,
    "axes.edgecolor": GREY,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GREY,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "legend.frameon": False,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "path.simplify": True,
}


def look(arm: str) -> Mapping[str, Any]:
    """Colour, marker and dashes of an arm."""
    family = next((name for name in COLOURS if arm.startswith(name)), arm)
    return {
        "color": COLOURS.get(family, GREY),
        "marker": MARKERS.get(family, "."),
        "linestyle": "--" if DASHED in arm else "-",
        "label": arm,
    }


@contextmanager
def axes() -> Iterator[Any]:
    """Axes to draw on.

    Raises:
        SettingsError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as missing:
        raise SettingsError("plots need matplotlib: pip install 'streamvq[evaluate]'") from missing
    with mpl.rc_context(PARAMETERS):
        yield Figure(figsize=SIZE, layout="constrained").add_subplot()


def svg(drawn: Any, title: str) -> str:
    """The figure of these axes as SVG without date or version; `title` is what a screen reader says."""
    import matplotlib as mpl

    text = StringIO()
    with mpl.rc_context(PARAMETERS):
        drawn.figure.savefig(
            text, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Title": title}
        )
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"
