"""What ends a process: the exit code says what to do, the last line says why."""

import errno
import subprocess
import sys

import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError, ProducerFenced
from streamvq_client.errors import FormatError, ReadAgainError, TopicMissingError

from schemas.errors import FencedError, InvariantError, ResourceError, StreamVQError, TopicsError, UnreachableError
from tables.errors import InDoubtError, RowSizeError, classified


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (ProducerFenced(), FencedError),
        (KafkaConnectionError("no broker"), UnreachableError),
        (TimeoutError(), UnreachableError),
        (MessageSizeTooLargeError(), RowSizeError),
        (FormatError("not a commit"), InvariantError),
        (OSError(errno.ENOSPC, "No space left on device"), ResourceError),
        (MemoryError(), ResourceError),
        (TopicMissingError("no topic"), TopicsError),
        (ReadAgainError("truncated"), UnreachableError),
        (InDoubtError("a transaction did not end"), InDoubtError),
    ],
)
def test_a_reason_has_its_error(reason: Exception, kind: type[StreamVQError]) -> None:
    assert type(classified(reason)) is kind


def test_anything_else_is_a_defect() -> None:
    assert classified(ZeroDivisionError()) is None


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        ("InDoubtError('a transaction of x did not end')", 3, "a transaction of x did not end"),
        ("ZeroDivisionError('no idea')", 1, "no idea"),
    ],
)
def test_the_process_ends_at_once_with_code_and_line(raised: str, code: int, words: str) -> None:
    program = f"""
from tables.errors import InDoubtError, die
try:
    die({raised}, shard="s-0")
finally:
    print("not reached")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code
    assert words in done.stdout + done.stderr
    assert "s-0" in done.stdout + done.stderr
    assert "not reached" not in done.stdout
