"""What can go wrong, as one tree; the class says whether trying again can help.

ClientError
├── FormatError              bytes that are not what they should be
│   └── NewerFormatError     written by a newer streamvq: update this program
├── EventError               an event that no worker would take: not sent
├── UnreachableError         Kafka did not answer in time: retriable
├── TopicMissingError        the topic does not exist: wrong prefix, or nothing has been set up yet
├── ReaderError              the live reader cannot go on
│   ├── ReadAgainError       what was read is no longer the whole truth: drop it and read from the beginning
│   └── TruncatedError       the beginning of a table's topic was deleted: some of its rows are lost
├── PublishError             Kafka refused a record, or the server did some events
└── ServerError              the server answered with a problem, which says what to do
    ├── RequestError         the request cannot be answered as it is
    ├── DeniedError          no API key, or one that may not do this
    ├── NotFoundError        there is no such item, cluster or path
    ├── BusyError            too many requests, or too large ones for now: retriable
    ├── NotNowError          the server, or what stands before it, cannot answer now: retriable
    └── DefectError          an error of the server's own
"""

from typing import ClassVar

from streamvq_client.answers import Published


class ClientError(Exception):
    """Root of every error of this package."""

    retriable: ClassVar[bool] = False


class FormatError(ClientError, ValueError):
    """Bytes are not what they should be. Another program wrote to the topic, or the prefix is not streamvq's."""


class NewerFormatError(FormatError):
    """The format version is newer than this program knows. Update streamvq-client."""


class EventError(ClientError, ValueError):
    """An event that would become a dead letter, and was not sent. The message names the field and what it may hold."""


class UnreachableError(ClientError):
    """Nothing answered within the deadline. Check the address and the login, then try again."""

    retriable = True


class TopicMissingError(ClientError):
    """A topic does not exist. Check the prefix, or create the topics first (`svq topics create`)."""


class ReaderError(ClientError):
    """A reader cannot go on."""


class ReadAgainError(ReaderError):
    """The topic was truncated, created anew or given other partitions, or the reader was away for too long.

    Drop what was read, read from the beginning.
    """

    retriable = True


class TruncatedError(ReaderError):
    """Kafka deleted the beginning of a topic that holds a table, and rows with it. Reading again does not help.

    Somebody gave it a delete policy, or deleted records: `svq topics check` says what its policy is.
    """


class PublishError(ClientError):
    """Kafka or the server refused events: they are not there. The message holds the reason for the first of them.

    Attributes:
        published: what became of each, where a server told.
    """

    def __init__(self, message: str, published: Published | None = None) -> None:
        super().__init__(message)
        self.published = published


class ServerError(ClientError):
    """The server answered with a problem (RFC 9457).

    Attributes:
        status: of the response.
        code: what is wrong, for programs.
        detail: the same for people.
        remedy: what to do about it.
        retry_after_s: when to ask again, where the server said so.
    """

    def __init__(self, status: int, code: str, detail: str, remedy: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"{code}: {detail} {remedy}".strip())
        self.status = status
        self.code = code
        self.detail = detail
        self.remedy = remedy
        self.retry_after_s = retry_after_s


class RequestError(ServerError):
    """The request cannot be answered as it is: `remedy` says what to change."""


class DeniedError(ServerError):
    """The API key is missing, unknown or expired, or may not do this. `svq keys` manages keys."""


class NotFoundError(ServerError):
    """There is no such item, cluster, table or path."""


class BusyError(ServerError):
    """Too many requests, or too many events under way: ask more slowly."""

    retriable = True


class NotNowError(ServerError):
    """The server is not ready, overloaded, or waits for Kafka: try again later."""

    retriable = True


class DefectError(ServerError):
    """The server met an error of its own: its log says more."""
