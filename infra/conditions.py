"""`--where` of the command line as a filter of the HTTP interface.

    lang=de             is; of one attribute several times: is one of
    lang!=de            is not, or has none
    price=3..5          within, both ends included
    price>=3, price<5   bounds
    lang, !lang         has a value, has none

Conditions on several attributes must all hold. A value is JSON where it is some (true, 3.5; "3" in quotes is text),
else text.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from schemas.errors import SettingsError

SIGNED = re.compile(r"(?P<name>[^=!<>]+)(?P<sign>!=|>=|<=|=|>|<)(?P<value>.*)", re.DOTALL)
SPAN = re.compile(r"(-?\d+(?:\.\d+)?)\.\.(-?\d+(?:\.\d+)?)")
BOUNDS = {">=": "gte", "<=": "lte", ">": "gt", "<": "lt"}

Filter = dict[str, Any]


def filter_of(conditions: Sequence[str]) -> Filter | None:
    """One filter for all conditions; None for none.

    Raises:
        SettingsError: one of them says nothing that a filter can say.

    >>> filter_of(["lang=de", "lang=fr", "price<5"])
    {'and': [{'attribute': 'lang', 'in': ['de', 'fr']}, {'attribute': 'price', 'lt': 5}]}
    """
    equal: dict[str, list[Any]] = {}
    parts: list[Filter] = []
    for condition in conditions:
        found = SIGNED.fullmatch(condition)
        if found and found["sign"] == "=" and not SPAN.fullmatch(found["value"]):
            equal.setdefault(found["name"].strip(), []).append(value_of(found["value"]))
        else:
            parts.append(_one(condition, found))
    same = [
        {"attribute": name, "eq": values[0]} if len(values) == 1 else {"attribute": name, "in": values}
        for name, values in equal.items()
    ]
    every = [*same, *parts]
    if len(every) > 1:
        return {"and": every}
    return every[0] if every else None


def value_of(text: str) -> Any:
    """A scalar as it is written on a command line."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if value is None or isinstance(value, dict | list) else value


def pairs_of(option: str, given: Sequence[str]) -> dict[str, Any]:
    """`name=value` of an option given several times; a value may be any JSON, or else is text.

    Raises:
        SettingsError: there is no `=`.
    """
    pairs: dict[str, Any] = {}
    for one in given:
        name, equals, text = one.partition("=")
        if not equals or not name:
            raise SettingsError(f"{option} {one}: write {option} name=value")
        try:
            pairs[name] = json.loads(text)
        except (ValueError, RecursionError):
            pairs[name] = text
    return pairs


def _one(condition: str, found: re.Match[str] | None) -> Filter:
    if found is None:
        name = condition.removeprefix("!").strip()
        if not name or re.search(r"[=<>]", name):
            raise SettingsError(
                f"--where {condition}: write name=value, name!=value, name=1..5, name>=3, name, or !name"
            )
        return {"attribute": name, "exists": not condition.startswith("!")}
    name, sign, text = found["name"].strip(), found["sign"], found["value"]
    if sign == "!=":
        return {"not": {"attribute": name, "eq": value_of(text)}}
    if span := SPAN.fullmatch(text):
        return {"attribute": name, "gte": json.loads(span[1]), "lte": json.loads(span[2])}
    bound = value_of(text)
    if isinstance(bound, bool | str):
        raise SettingsError(f"--where {condition}: a bound is a number")
    return {"attribute": name, BOUNDS[sign]: bound}
