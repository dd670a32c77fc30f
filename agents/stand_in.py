"""A command that writes in the trainer's place: it holds the trainer's lock and fences its transactional id."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import structlog

from agents.trainer_lock import TrainerLock
from schemas.errors import FencedError
from schemas.kafka import connection
from schemas.settings import Settings
from tables.transaction import fenced

log = structlog.get_logger(__name__)

# The most that brokers allow by default: all of a model is written in one transaction.
TRANSACTION_TIMEOUT_S = 900.0
JOIN_S = 15.0  # to become a member of the group; a dead member's time comes on top
PRECEDENCE = 1


@contextlib.asynccontextmanager
async def stand_in(settings: Settings, *, take_over: bool = False) -> AsyncIterator[Any]:
    """The trainer's transactional producer. Until the block ends no trainer can commit, and none that waits begins.

    A trainer at work holds the lock, and what it learnt since its last version would be lost: it has to be stopped
    first. With `take_over` it is fenced instead: it ends with exit code 4 when it publishes next.

    Raises:
        FencedError: a trainer is at work, and nobody said to take over.
    """
    topics, arguments, session_s = settings.topics, connection(settings.kafka), settings.trainer.session_timeout_s
    lock = TrainerLock(topics.trainer_lock, arguments, session_s, PRECEDENCE)
    try:
        if not await _acquired(lock, session_s + JOIN_S) and not take_over:
            raise FencedError(
                f"a trainer is at work under the prefix {settings.kafka.prefix}: stop it (SIGTERM) and try again, or "
                "give --take-over, which fences it. Nothing was changed"
            )
        async with fenced(arguments, topics.trainer_app, TRANSACTION_TIMEOUT_S) as producer:
            log.info("in the trainer's place", prefix=settings.kafka.prefix)
            yield producer
    finally:
        await lock.release()


async def _acquired(lock: TrainerLock, seconds: float) -> bool:
    """Whether the lock is held. Who stands by joined a group in which the holder answered: it is alive."""
    acquiring = asyncio.create_task(lock.acquire())
    standing_by = asyncio.create_task(lock.standing_by.wait())
    await asyncio.wait({acquiring, standing_by}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    standing_by.cancel()
    if acquiring.done():
        acquiring.result()
        return True
    acquiring.cancel()
    await asyncio.wait({acquiring})
    return False
