"""Text as several values: split by its separator, or into its words."""

import re
from collections import Counter
from collections.abc import Sequence

SEPARATORS = ("|", ";", ",")
LEAST_SPLIT = 0.05  # share of the values that a separator must split
LEAST_USES = 4.0  # rows a part must be used in, on average
PROSE = 1.5  # words a value from which text is prose, on average
WORD = re.compile(r"\w+")
LISTED = re.compile(r"\[.*\]", re.DOTALL)
QUOTED = re.compile(r"""\s*(?:'([^']*)'|"([^"]*)"|([^,]+?))\s*(?:,|$)""")


def separated(values: Sequence[str | None]) -> list[list[str]] | None:
    """The parts of each value, if one separator explains them: with it, fewer distinct values say the same.

    >>> separated(["Action|Comedy", "Comedy", None, "Action", "Drama", "Drama|Action", "Comedy|Drama", "Drama"])[0]
    ['Action', 'Comedy']
    >>> separated(["Good, the Bad and the Ugly, The", "Alien"])
    """
    known = [value for value in values if value]
    if known and all(LISTED.fullmatch(value) for value in known):  # a list as Python or JSON write it
        return [_listed(value) if value else [] for value in values]
    for separator in SEPARATORS:
        split = sum(separator in value for value in known)
        if split < LEAST_SPLIT * len(known) or not split:
            continue
        rows = [[part for raw in value.split(separator) if (part := raw.strip())] if value else [] for value in values]
        parts = Counter(part for row in rows for part in row)
        if separator == "|" or (parts.total() >= LEAST_USES * len(parts) and len(parts) < len(set(known))):
            return rows
    return None


def is_prose(values: Sequence[str | None]) -> bool:
    """Whether values are of several words."""
    known = [value for value in values if value]
    return sum(len(value.split()) for value in known) >= PROSE * len(known) > 0


def words(value: str | None) -> list[str]:
    """The words of a text, each once.

    >>> words("Toy Story (1995)")
    ['toy', 'story', '1995']
    """
    return list(dict.fromkeys(WORD.findall((value or "").lower())))


def shortened(rows: Sequence[Sequence[str]], most: int) -> list[list[str]]:
    """Those parts of each row that other rows have, too; of more than `most`, the rarest, which tell most."""
    uses = Counter(part for row in rows for part in set(row))
    kept = []
    for row in rows:
        shared = list(dict.fromkeys(part for part in row if uses[part] > 1))
        if len(shared) > most:
            rarest = set(sorted(shared, key=uses.__getitem__)[:most])
            shared = [part for part in shared if part in rarest]
        kept.append(shared)
    return kept


def _listed(value: str) -> list[str]:
    found = (next(filter(None, match), "") for match in QUOTED.findall(value.strip()[1:-1]))
    return [part for part in found if part]
