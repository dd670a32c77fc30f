"""What ends a server, as a part of the tree in `schemas.errors`: the parent says what the operator does.

UnreachableError 3
└── OutdatedError    what was read is no longer the whole truth: starting again reads everything anew
TopicsError 2        a topic is missing
SettingsError 2      the login may not read a topic
InvariantError 5     a record that no worker of ours writes, or a table whose beginning was deleted
ResourceError 6      the port is taken
"""

from streamvq_client.errors import ClientError, FormatError, ReadAgainError, TopicMissingError, TruncatedError

from schemas.errors import InvariantError, SettingsError, StreamVQError, TopicsError, UnreachableError
from tables.errors import ANEW, REFUSED, RIGHTS


class OutdatedError(UnreachableError):
    """A topic was deleted and created anew, or the model took too long to read. Start again: all is read anew."""


def reading_failed(error: ClientError) -> StreamVQError:
    """The same error as one that ends the process."""
    if isinstance(error, TopicMissingError):
        return TopicsError(f"{error}. Create the topics: `svq topics create`.")
    if isinstance(error, TruncatedError):
        return InvariantError(f"{error}. {ANEW}")
    if isinstance(error, FormatError):
        return InvariantError(str(error))
    if isinstance(error, ReadAgainError):
        return OutdatedError(f"{error}. Start again: everything is then read anew.")
    if isinstance(error.__cause__, REFUSED):
        return SettingsError(f"Kafka refuses something to this login: {error}. {RIGHTS}")
    return UnreachableError(str(error))
