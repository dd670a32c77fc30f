"""The arms in the order in which they are shown, and what each is."""

from collections.abc import Iterable

MEANING = {
    "exact": "exact search over the same towers: what an index that loses nothing would answer",
    "svq": "streaming VQ: max(200, 10 %) of the items merged from the lists and scored again with the towers",
    "svq@0.5%": "the same at a budget of 0.5 % (never fewer than 200)",
    "svq@1%": "at 1 %",
    "svq@2%": "at 2 %",
    "svq@5%": "at 5 %",
    "svq@10%": "at 10 %",
    "svq-merge@10%": "the first of the merge itself, not scored again",
    "hnsw": "HNSW graph, rebuilt every day of event time from the towers of that moment",
    "hnsw+buffer": "the same, with the items published since scored one by one, and popularity as it is now",
    "hnsw@1h": "HNSW graph, rebuilt every hour",
    "hnsw+buffer@1h": "the same with a buffer",
    "ivf": "inverted file with k-means cells, rebuilt every day",
    "ivf+buffer": "the same with a buffer",
    "popularity": "most taken in a decayed window, of the length that is best in hindsight",
    "item-knn": "taken most often right after the user's latest item, then by popularity",
    "gp-topfreq": "taken most often by the user, at any time before, then by popularity",
}


def ordered(names: Iterable[str]) -> list[str]:
    """Arms in the order above; those unknown here at the end, by name."""
    places = {name: place for place, name in enumerate(MEANING)}
    return sorted(names, key=lambda name: (places.get(name, len(places)), name))


def main_arms(names: Iterable[str]) -> list[str]:
    """Those worth a column each: one of streaming VQ, not all of its budgets."""
    return [name for name in ordered(names) if not name.startswith(("svq@", "svq-"))]
