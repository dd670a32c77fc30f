"""A stored result as the tables of the documentation."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MARGINS = {"p50": "median", "p99": "99th percentile", "ratio": "ratio"}


def tables(result: Mapping[str, Any]) -> str:
    """Machine, one table a part, and what had to be reached."""
    return "\n\n".join(
        [_machine(result), *(_part(name, part) for name, part in result["parts"].items()), _goals(result)]
    )


def _machine(result: Mapping[str, Any]) -> str:
    machine = result["machine"]
    versions = ", ".join(
        f"{name} {machine[name]}" for name in ("python", "torch", "numpy", "faiss") if machine.get(name)
    )
    form = "the quick form" if result["quick"] else "the full form"
    return f"Measured on {machine['cores']} cores of {machine['cpu']}, {machine['memory_gib']} GiB, {versions}; {form}."


def _part(name: str, part: Mapping[str, Any]) -> str:
    before, after = part["load"]
    rows = [
        [
            figure["what"],
            f"{_spread(figure['ours'])} {figure['unit']}",
            figure["rival"],
            f"{_spread(figure['theirs'])} {figure['unit']}",
            f"{figure['ratio']:.2f}",
        ]
        for figure in part["figures"]
    ]
    title = f"**{name}** ({part['seconds']:.0f} s, load {before:.1f} before and {after:.1f} after)"
    return f"{title}\n\n{table(['what', 'p50 / p95 / p99', 'beside', 'p50 / p95 / p99', 'ratio'], rows)}"


def _goals(result: Mapping[str, Any]) -> str:
    rows = [
        [
            f"`{goal['figure']}`, {MARGINS[goal['number']]}",
            f"≥ {number(goal['at_least'])}" if "at_least" in goal else f"≤ {number(goal['at_most'])}",
            number(goal["measured"]),
            "yes" if goal["reached"] else "**no**",
        ]
        for goal in result["goals"]
    ]
    return "**Must reach**\n\n" + table(["what", "bound", "measured", "reached"], rows)


def _spread(spread: Mapping[str, Any]) -> str:
    values = [spread["p50"]] if spread["n"] == 1 else [spread["p50"], spread["p95"], spread["p99"]]
    return " / ".join(map(number, values))


def number(value: float | None) -> str:
    """Three digits that count, thousands parted.

    >>> number(1234567.0), number(0.01234), number(12.3)
    ('1,234,567', '0.0123', '12.3')
    """
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
