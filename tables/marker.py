"""What stands beside the rows of a database: how far they reach. Text, `<version> <offset> <time> <life>`.

Version 1 was `<offset> <time>`, version 2 `<offset> <time> <life>`, where the life might be missing.
"""

from typing import NamedTuple

from streamvq_client.errors import FormatError
from streamvq_client.versioned import check_version

FORMAT = 3
# The key, in the same database as the rows. Ids of items and users are UTF-8, so it is none.
RESTORED = b"\xffrestored"
UNKNOWN = "-"
FIELDS = 4


class Reached(NamedTuple):
    """What local rows are up to date with.

    Attributes:
        offset: of the changelog; 0 for a new database.
        at: when they were all that there was, seconds since 1970.
        life: id of the changelog, empty where it was not known.
    """

    offset: int
    at: float
    life: str


def encode_reached(reached: Reached) -> bytes:
    """The marker as it is stored."""
    return f"{FORMAT} {reached.offset} {reached.at:.0f} {reached.life or UNKNOWN}".encode()


def decode_reached(value: bytes) -> Reached:
    """The marker in these bytes; FormatError if they hold none, or one of a newer streamvq."""
    try:
        fields = value.decode().split()
        if len(fields) >= FIELDS:
            check_version("marker of local rows", int(fields[0]), FORMAT)
            fields = [field if field != UNKNOWN else "" for field in fields[1:]]
        offset, at, *life = fields
        return Reached(int(offset), float(at), life[0] if life else "")
    except FormatError:
        raise
    except ValueError as error:
        raise FormatError(f"not a marker of local rows: {value[:40]!r}") from error
