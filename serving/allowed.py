"""Which items an answer may hold: those that a filter selects, without the excluded ones."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.arrays import Bools, Longs
from schemas.http import Choice, Notice, Query
from schemas.http_filter import conditions
from serving.items import Items


class Allowed(NamedTuple):
    """Slots that may come out, retrievable or not.

    Attributes:
        mask_n: one place a slot; None: all of them.
        matching: retrievable items among them.
        selected: those before exclusions; None: there was no filter.
        excluded: how many of those the exclusions took away.
        notices: what in the filter can have no effect.
    """

    mask_n: Bools | None
    matching: int
    selected: int | None = None
    excluded: int = 0
    notices: tuple[Notice, ...] = ()

    def of(self, rows_n: Longs) -> Longs:
        """Those of these slots that may come out."""
        return rows_n if self.mask_n is None else rows_n[self.mask_n[rows_n]]


def allowed_items(items: Items, choice: Choice, seen: Sequence[str] = ()) -> Allowed:
    """What a question leaves.

    Args:
        items: the index.
        choice: its filter and exclusions.
        seen: more items to exclude.
    """
    named = np.unique(items.slots.find([*choice.exclude, *seen]))
    named = named[items.shown(named)]
    if choice.filter is None:
        if not len(named):
            return Allowed(None, len(items))
        mask_n = np.ones(len(items.live_n), np.bool_)
        mask_n[named] = False
        return Allowed(mask_n, len(items) - len(named), None, len(named))
    mask_n, notices = items.filters.select(choice.filter, len(items.live_n))
    selected = int(np.count_nonzero(mask_n & items.shown_n))
    excluded = int(np.count_nonzero(mask_n[named]))
    if excluded:
        mask_n = mask_n.copy()
        mask_n[named] = False
    return Allowed(mask_n, selected - excluded, selected, excluded, notices)


def names_in(choice: Choice) -> set[str]:
    """Attributes that a question names."""
    names = set() if choice.filter is None else {one.attribute for one in conditions(choice.filter)}
    quotas = choice.quotas if isinstance(choice, Query) else ()
    return names | {quota.attribute for quota in quotas if quota.attribute is not None}


def why_fewer(wanted: int, found: int, items: Items, allowed: Allowed, *, quotas: bool) -> str | None:
    """Why an answer has fewer items than wanted; None when it has not."""
    if found >= wanted:
        return None
    said = f"only {len(items)} items are retrievable"
    if allowed.selected is not None:
        said += f", {allowed.selected} of them fit the filter"
    if allowed.excluded:
        said += f", and {allowed.excluded} of them excluded by the query"
    if quotas and found < allowed.matching:
        said += f"; the quotas leave no more than {found} of those {allowed.matching}"
    return said
