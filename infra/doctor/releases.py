"""Which Kafka a broker is, by what it can do: it does not say."""

from collections.abc import Mapping

# The oldest release whose brokers have this version of this request (Kafka's own message definitions), newest first.
MARKS = (
    ("4.1", 0, 13),
    ("4.0", 0, 12),
    ("3.9", 1, 17),
    ("3.8", 0, 11),
    ("3.7", 0, 10),
    ("3.3", 55, 1),
    ("3.0", 2, 7),
    ("2.8", 60, 0),
    ("2.5", 9, 7),
)
OLDEST = "2.5"


def release(versions: Mapping[int, int]) -> str | None:
    """The newest release that is surely not newer than the broker; None if it is older than we can use.

    Args:
        versions: request (its API key) -> highest version that the broker takes.

    >>> release({9: 7, 60: 0}), release({9: 6})
    ('2.8', None)
    """
    return next((name for name, key, least in MARKS if versions.get(key, -1) >= least), None)
