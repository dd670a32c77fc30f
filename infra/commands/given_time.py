"""Times as users of the command line give them."""

from datetime import UTC, datetime

import typer


def time_ms(text: str) -> int:
    """Milliseconds since 1970 of a date or time in ISO 8601, UTC unless it says.

    >>> time_ms("1970-01-02"), time_ms("1970-01-01T01:00:00+01:00")
    (86400000, 0)
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no time; write 2026-01-31, or 2026-01-31T12:00:00+01:00") from error
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
