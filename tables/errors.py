"""What ends a worker, as a part of the tree in `schemas.errors`: the parent says what the operator does.

StreamVQError 1
├── StuckError           something within this process stood still
└── DamageError          a database was found damaged, and is rebuilt at the next start
UnreachableError 3
├── InDoubtError         a transaction did not end in time
├── StalledError         records wait, and Faust or Kafka stopped delivering them
└── RestoreError         a table did not reach the end of its changelog in time
FencedError 4
InvariantError 5
├── LostRecordsError     retention deleted records that were never read
├── LostOffsetsError     the group's offsets are gone, the rows they belong to are not
├── LostRowsError        the beginning of a changelog was deleted
└── RowSizeError         a row that no batch can hold
ResourceError 6
└── FolderError          the tables' folder cannot be used

ShardLost is none of these: it tells a step that its partition went to another worker before the step began.
"""

import errno
import os
import sys
from typing import NoReturn

import structlog
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    InvalidProducerEpoch,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFenced,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
from streamvq_client.errors import ClientError, FormatError, TopicMissingError, TruncatedError

from schemas.errors import (
    FencedError,
    InvariantError,
    ResourceError,
    SettingsError,
    StreamVQError,
    TopicsError,
    UnreachableError,
)

log = structlog.get_logger(__name__)


LACKING = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
# What Kafka refuses to this login, and goes on refusing.
REFUSED = (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
RIGHTS = "`svq topics acls` lists what each role needs"


class ShardLost(Exception):  # noqa: N818 - a signal, not an error
    """The shard was given away before the step began; its events belong to the next owner."""


class StuckError(StreamVQError):
    """A part of this process stood still for longer than it may. The stacks above say where: report them.

    If they show work and no wait, the machine is too slow for the limit, which is a setting.
    """


class DamageError(StreamVQError):
    """RocksDB found its own files damaged. Start again: what is a cache of Kafka is then rebuilt from it."""

    retriable = True


class InDoubtError(UnreachableError):
    """A transaction did not end in time. The restarted worker finds out from Kafka whether it counts."""


class StalledError(UnreachableError):
    """Records wait and none arrives. Starting again joins the group anew, which is all that helps."""


class RestoreError(UnreachableError):
    """A table did not reach the end of its changelog in time: raise `restore_deadline_s`, or see what slows Kafka."""


class LostRecordsError(InvariantError):
    """Retention deleted records before they were read. The message holds the command that accepts the loss."""


class LostOffsetsError(InvariantError):
    """A group that nobody used for long lost its offsets while its tables hold rows. The message holds the remedy."""


class LostRowsError(InvariantError):
    """Kafka deleted the beginning of a changelog, and rows with it. The message holds the remedy."""


ANEW = (
    "Keep it from going on: svq topics create --alter. Then begin anew beside it, with all candidates published again: "
    "SVQ_KAFKA__PREFIX=<another> svq topics create"
)


class RowSizeError(InvariantError):
    """A row is larger than Kafka takes in one record."""


class FolderError(ResourceError):
    """The tables' folder is in use by another process, or cannot be written."""


def classified(reason: BaseException) -> StreamVQError | None:
    """The error of ours that stands for an exception, None where there is none: then it is a defect."""
    if isinstance(reason, StreamVQError):
        return reason
    if isinstance(reason, MemoryError) or (isinstance(reason, OSError) and reason.errno in LACKING):
        return ResourceError(f"{type(reason).__name__}: {reason}")
    if isinstance(reason, ProducerFenced | InvalidProducerEpoch):
        return FencedError("another worker took over this transactional id")
    if isinstance(reason, REFUSED) or isinstance(reason.__cause__, REFUSED):
        return SettingsError(f"Kafka refuses something to this login: {reason}. {RIGHTS}")
    if isinstance(reason, MessageSizeTooLargeError):
        return RowSizeError("a topic's max.message.bytes is too small for our records: see `svq topics check`")
    if isinstance(reason, FormatError):
        return InvariantError(str(reason))
    if isinstance(reason, TruncatedError):
        return LostRowsError(f"{reason}. {ANEW}")
    if isinstance(reason, TopicMissingError):
        return TopicsError(str(reason))
    if isinstance(reason, KafkaError | ClientError | TimeoutError | ConnectionError):
        return UnreachableError(f"{type(reason).__name__}: {reason}" if str(reason) else type(reason).__name__)
    return None


def die(reason: BaseException, **fields: object) -> NoReturn:
    """End the process now, with one clear last line and the exit code of the reason.

    Not by an exception: Faust would catch it and go on with the next batch, and a transaction whose end is in doubt
    must not be followed by anything. Kafka settles it, and a supervisor starts the process again.
    """
    error = classified(reason)
    if error is None:
        log.critical("stopped", reason=repr(reason), exit_code=StreamVQError.exit_code, **fields, exc_info=reason)
    else:
        log.critical("stopped", reason=str(error), kind=type(error).__name__, exit_code=error.exit_code, **fields)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(error.exit_code if error else StreamVQError.exit_code)
