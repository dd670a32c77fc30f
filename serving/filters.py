"""Which items a filter selects, as a mask over the slots."""

from collections import OrderedDict
from functools import reduce
from typing import Final, NamedTuple

import numpy as np

from pipeline.arrays import Bools
from pipeline.number_bounds import Bounds
from schemas.http import Notice
from schemas.http_filter import And, Condition, Equals, Exists, Filter, Not, OneOf, Or, Range
from serving.attributes import Attributes

MOST_KEPT: Final = 16
"""Masks kept of the latest filters, one byte an item each."""


class Selection(NamedTuple):
    """Which slots a filter selects, and what in it can have no effect."""

    mask_n: Bools
    notices: tuple[Notice, ...]


class Filters:
    """Evaluates filters over columns, and keeps what came of the latest ones until an item changes.

    Args:
        attributes: the columns.
    """

    def __init__(self, attributes: Attributes) -> None:
        self._attributes = attributes
        self._kept: OrderedDict[str, Selection] = OrderedDict()
        self._kept_at = 0

    def select(self, wanted: Filter, capacity: int) -> Selection:
        """The slots that fit, of `capacity` there are; not to be changed by the caller."""
        if self._kept_at != self._attributes.changes:
            self._kept.clear()
            self._kept_at = self._attributes.changes
        key = f"{capacity}:{wanted.model_dump_json()}"  # not the filter: to Python 1 and true are equal
        found = self._kept.get(key)
        if found is None:
            notices = dict[str, Notice]()
            found = Selection(self._mask(wanted, capacity, notices), tuple(notices.values()))
            self._kept[key] = found
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return found

    def _mask(self, part: Filter, capacity: int, notices: dict[str, Notice]) -> Bools:
        match part:
            case And(and_=inner):
                return reduce(np.logical_and, [self._mask(one, capacity, notices) for one in inner])
            case Or(or_=inner):
                return reduce(np.logical_or, [self._mask(one, capacity, notices) for one in inner])
            case Not(not_=one):
                return ~self._mask(one, capacity, notices)
        return self._hits(part, capacity, notices)

    def _hits(self, condition: Condition, capacity: int, notices: dict[str, Notice]) -> Bools:
        name = condition.attribute
        column = self._attributes.column(name)
        if column is None:
            notices[name] = Notice("unknown_attribute", f"No item has the attribute {name!r}. See /v1/attributes.")
            hits = np.zeros(capacity, np.bool_)
            return ~hits if isinstance(condition, Exists) and not condition.exists else hits
        match condition:
            case Exists(exists=wanted):
                return column.any() if wanted else ~column.any()
            case Equals(eq=value):
                hits = column.equal_to([value])
            case OneOf(in_=values):
                hits = column.equal_to(values)
            case Range(gt=gt, gte=gte, lt=lt, lte=lte):
                hits = column.within(Bounds(gt, gte, lt, lte))
        if not hits.any():
            said = condition.model_dump_json(exclude_none=True)
            notices[said] = Notice("no_such_value", f"No item fits {said[:200]}.")
        return hits
