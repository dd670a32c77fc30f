"""What can go wrong, as one tree; the class says whether trying again can help.

ClientError
├── FormatError              bytes that are not what they should be
│   └── NewerFormatError     written by a newer streamvq: update this program
└── ReaderError              the live reader cannot go on
    ├── UnreachableError     Kafka did not answer in time: retriable
    ├── TopicMissingError    the topic does not exist: wrong prefix, or nothing has been set up yet
    ├── ReadAgainError       what was read is no longer the whole truth: drop it and read from the beginning
    └── TruncatedError       the beginning of a table's topic was deleted: some of its rows are lost
"""

from typing import ClassVar


class ClientError(Exception):
    """Root of every error of this package."""

    retriable: ClassVar[bool] = False


class FormatError(ClientError, ValueError):
    """Bytes are not what they should be. Another program wrote to the topic, or the prefix is not streamvq's."""


class NewerFormatError(FormatError):
    """The format version is newer than this program knows. Update streamvq-client."""


class ReaderError(ClientError):
    """A reader cannot go on."""


class UnreachableError(ReaderError):
    """Kafka did not answer within the deadline. Check the address and the login, then start again."""

    retriable = True


class TopicMissingError(ReaderError):
    """A topic does not exist. Check the prefix, or create the topics first (`svq topics create`)."""


class ReadAgainError(ReaderError):
    """The topic was truncated, created anew or given other partitions, or the reader was away for too long.

    Drop what was read, read from the beginning.
    """

    retriable = True


class TruncatedError(ReaderError):
    """Kafka deleted the beginning of a topic that holds a table, and rows with it. Reading again does not help.

    Somebody gave it a delete policy, or deleted records: `svq topics check` says what its policy is.
    """
