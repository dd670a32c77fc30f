"""Markdown tables, and numbers as they stand in them."""

import math
from collections.abc import Iterable, Sequence

UNKNOWN = "–"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; every column but the first is a number.

    >>> print(table(("arm", "hit@10"), [("exact", ".12")]))
    | arm | hit@10 |
    |---|--:|
    | exact | .12 |
    """
    lines = ["| " + " | ".join(header) + " |", "|---" + "|--:" * (len(header) - 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def share(value: object, digits: int = 3) -> str:
    """A share of 1 without its leading zero; a dash for what was not measured.

    >>> share(0.27349), share(1.0), share(-0.0331), share(None), share(float("nan"))
    ('.273', '1.000', '-.033', '–', '–')
    """
    number = known(value)
    if number is None:
        return UNKNOWN
    text = f"{number:.{digits}f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def signed(value: object, digits: int = 3) -> str:
    """A change of a share.

    >>> signed(0.0123), signed(-0.2), signed(0.0)
    ('+.012', '−.200', '+.000')
    """
    number = known(value)
    return UNKNOWN if number is None else ("−" if number < 0 else "+") + share(abs(number), digits)


def percent(value: object) -> str:
    """A share in per cent, with one digit where it is small.

    >>> percent(0.5), percent(0.0123), percent(None)
    ('50 %', '1.2 %', '–')
    """
    number = known(value)
    if number is None:
        return UNKNOWN
    return f"{100 * number:.0f} %" if abs(number) >= 0.1 else f"{100 * number:.1f} %"


def count(value: object) -> str:
    """A whole number with thousands marked.

    >>> count(1234567), count(None)
    ('1,234,567', '–')
    """
    number = known(value)
    return UNKNOWN if number is None else f"{number:,.0f}"


def seconds(value: object) -> str:
    """Seconds, finer where they are few.

    >>> seconds(123.4), seconds(4.56), seconds(0.0123)
    ('123', '4.6', '0.01')
    """
    number = known(value)
    if number is None:
        return UNKNOWN
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}" if number >= 1 else f"{number:.2f}"


def interval(bounds: object) -> str:
    """An interval in brackets, nothing where there is none.

    >>> interval([0.257, 0.2931]), interval(None)
    ('(.257 – .293)', '')
    """
    if not isinstance(bounds, Sequence) or len(bounds) != 2:
        return ""
    return f"({share(bounds[0])} – {share(bounds[1])})"


def known(value: object) -> float | None:
    """The value as a number, None when it is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return None
    return float(value)
