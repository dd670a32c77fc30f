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
└── PublishError             Kafka refused a record
"""

from typing import ClassVar


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
    """Kafka refused a record: it is not there. The message holds Kafka's reason, mostly a missing right to write."""
