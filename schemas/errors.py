"""What can go wrong, as one tree; the class says what the operator does and which exit code a process ends with.

StreamVQError            1  a defect of ours: report it; started again it often goes on
├── SettingsError        2  the configuration is wrong: change what the message names
├── TopicsError          2  the topics are missing or differ: `svq topics create`
│   └── TopicsMissingError  they may be on their way: workers wait for them for a while
├── UnreachableError     3  Kafka does not answer: start again
├── FencedError          4  another process owns the work now: start again
├── InvariantError       5  something that must always hold does not: nothing goes on half-working
└── ResourceError        6  this machine lacks something: disk, memory, a free port, a download

docs/running.md says the same for operators, and a test that it does.
"""

from typing import ClassVar


class StreamVQError(Exception):
    """Root of every error that ends a command with a message instead of a traceback.

    Attributes:
        exit_code: of a process that it ends.
        retriable: whether a supervisor starts that process again, since another start may mend it.
    """

    exit_code: ClassVar[int] = 1
    retriable: ClassVar[bool] = True


class SettingsError(StreamVQError):
    """A setting is unknown, missing or of the wrong type. The message names source, key and remedy."""

    exit_code = 2
    retriable = False


class TopicsError(StreamVQError):
    """The topics are not what the workers need. The message holds the command that puts it right."""

    exit_code = 2
    retriable = False


class TopicsMissingError(TopicsError):
    """Topics do not exist, also not after some waiting. The message holds the command that creates them."""


class UnreachableError(StreamVQError):
    """Kafka did not answer within the deadline. Check the address, then start the command again."""

    exit_code = 3


class FencedError(StreamVQError):
    """Another process took over this one's work. Nothing is lost: a supervisor starts it again."""

    exit_code = 4


class InvariantError(StreamVQError):
    """Something that must always hold does not. Keep the data and the last log lines; the message says what to do."""

    exit_code = 5
    retriable = False


class ResourceError(StreamVQError):
    """The machine lacks disk space, memory, a free port or a download. Provide it, then start the command again."""

    exit_code = 6
    retriable = False
