"""What filters and quotas mean, item by item, on the JSON that a question holds."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from streamvq_client.rows import ItemRow


def fits(part: Mapping[str, Any], row: ItemRow) -> bool:
    """Whether an item fits a filter."""
    if "and" in part:
        return all(fits(inner, row) for inner in part["and"])
    if "or" in part:
        return any(fits(inner, row) for inner in part["or"])
    if "not" in part:
        return not fits(part["not"], row)
    value = held(row, part["attribute"])
    if "exists" in part:
        return (value not in (None, [])) == part["exists"]
    if "eq" in part:
        return any(same(one, part["eq"]) for one in scalars(value))
    if "in" in part:
        return any(same(one, wanted) for one in scalars(value) for wanted in part["in"])
    return any(within(one, part) for one in scalars(value))


def held(row: ItemRow, name: str) -> Any:
    return row.attributes[name] if name in row.attributes else row.features.get(name)


def scalars(value: Any) -> list[Any]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, bool | int | float | str)]


def same(one: Any, other: Any) -> bool:
    return kind(one) is kind(other) and one == other


def kind(value: Any) -> type:
    return bool if isinstance(value, bool) else str if isinstance(value, str) else float


def within(value: Any, part: Mapping[str, Any]) -> bool:
    if kind(value) is not float:
        return False
    return (
        ("gt" not in part or value > part["gt"])
        and ("gte" not in part or value >= part["gte"])
        and ("lt" not in part or value < part["lt"])
        and ("lte" not in part or value <= part["lte"])
    )


def kinds(quota: Mapping[str, Any], row: ItemRow, cluster: int) -> list[Any]:
    """Of what an item counts against a quota."""
    if quota.get("attribute") is None:
        return [] if cluster < 0 else [cluster]
    return list({(kind(one), one) for one in scalars(held(row, quota["attribute"]))})


def varied(
    names: Iterable[str],
    quotas: list[Mapping[str, Any]],
    rows: Mapping[str, ItemRow],
    clusters: Mapping[str, int],
    k: int,
) -> list[str]:
    """The first k that no quota forbids."""
    taken: list[Counter[Any]] = [Counter() for _ in quotas]
    chosen: list[str] = []
    for name in names:
        if len(chosen) == k:
            break
        of = [kinds(quota, rows[name], clusters[name]) for quota in quotas]
        if all(taken[q][one] < quota["most"] for q, quota in enumerate(quotas) for one in of[q]):
            chosen.append(name)
            for q, several in enumerate(of):
                taken[q].update(several)
    return chosen
