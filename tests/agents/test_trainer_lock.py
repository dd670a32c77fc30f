"""One active trainer: the lock stays with its holder, and moves when the holder goes."""

import asyncio
import functools
import uuid

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata

from agents import trainer_lock
from agents.incumbent import Incumbent
from agents.partitions import partitions_of
from agents.trainer_lock import TrainerLock
from schemas.errors import TopicsError

DEADLINE = 30


async def create(bootstrap: str, topic: str, partitions: int = 1) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, partitions, 1)])
    finally:
        await admin.close()


async def test_the_lock_stays_with_its_holder_and_moves_when_it_goes(bootstrap: str) -> None:
    topic = f"t-{uuid.uuid4().hex[:8]}-lock"
    await create(bootstrap, topic)
    first, second, third = (TrainerLock(topic, {"bootstrap_servers": bootstrap}) for _ in range(3))
    await asyncio.wait_for(first.acquire(), DEADLINE)
    standby = [asyncio.create_task(lock.acquire()) for lock in (second, third)]
    lost = asyncio.create_task(first.lost())
    try:
        # Both have joined once the group has told them that they own nothing.
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(second.standing_by.wait(), third.standing_by.wait())
        assert not lost.done()
        assert not any(task.done() for task in standby)
        await first.release()
        done, _ = await asyncio.wait(standby, timeout=DEADLINE, return_when=asyncio.FIRST_COMPLETED)
        assert len(done) == 1
    finally:
        for task in (*standby, lost):
            task.cancel()
        await asyncio.gather(*standby, lost, return_exceptions=True)
        await asyncio.gather(*(lock.release() for lock in (first, second, third)))


async def test_a_holder_that_was_killed_has_the_lock_when_it_is_started_again(bootstrap: str) -> None:
    topic = f"t-{uuid.uuid4().hex[:8]}-lock"
    await create(bootstrap, topic)
    killed, again, other = (
        TrainerLock(topic, {"bootstrap_servers": bootstrap}, 2 * DEADLINE, member=name)
        for name in ("one", "one", "other")
    )
    await asyncio.wait_for(killed.acquire(), DEADLINE)
    assert killed._consumer
    await killed._consumer.stop()  # as a kill does: of a member with a name it says nothing to the group
    try:
        await asyncio.wait_for(again.acquire(), DEADLINE)
        assert not again.standing_by.is_set()
        await again.release()
        await asyncio.wait_for(other.acquire(), DEADLINE)
    finally:
        await asyncio.gather(*(lock.release() for lock in (killed, again, other)))


async def test_a_lock_topic_that_is_being_created_is_waited_for(
    bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer_lock, "partitions_of", functools.partial(partitions_of, missing_s=60.0))
    topic = f"t-{uuid.uuid4().hex[:8]}-lock"
    lock = TrainerLock(topic, {"bootstrap_servers": bootstrap})
    acquiring = asyncio.create_task(lock.acquire())
    try:
        await asyncio.wait({acquiring}, timeout=1.0)
        assert not acquiring.done()
        await create(bootstrap, topic)
        await asyncio.wait_for(acquiring, DEADLINE)
    finally:
        acquiring.cancel()
        await lock.release()


async def test_a_consumer_that_somebody_stopped_is_a_lost_lock_and_no_defect(bootstrap: str) -> None:
    topic = f"t-{uuid.uuid4().hex[:8]}-lock"
    await create(bootstrap, topic)
    lock = TrainerLock(topic, {"bootstrap_servers": bootstrap})
    await asyncio.wait_for(lock.acquire(), DEADLINE)
    assert lock._consumer
    await lock._consumer.stop()
    assert "ConsumerStopped" in await asyncio.wait_for(lock.lost(), DEADLINE)
    await lock.release()


async def test_a_lock_topic_that_cannot_work_is_refused(bootstrap: str) -> None:
    missing, wide = f"t-{uuid.uuid4().hex[:8]}-lock", f"t-{uuid.uuid4().hex[:8]}-lock"
    await create(bootstrap, wide, partitions=2)
    for topic, words in ((missing, f"no topic {missing}: run `svq topics create`"), (wide, "has 2 partitions")):
        lock = TrainerLock(topic, {"bootstrap_servers": bootstrap})
        with pytest.raises(TopicsError, match=words):
            await asyncio.wait_for(lock.acquire(), DEADLINE)
        await lock.release()


class OnePartition:
    def partitions_for_topic(self, topic: str) -> set[int]:
        return {0}


def claims(**since: int) -> dict[str, ConsumerProtocolMemberMetadata]:
    return {member: ConsumerProtocolMemberMetadata(0, ["lock"], b"%d" % at) for member, at in since.items()}


@pytest.mark.parametrize(
    ("members", "owner"),
    [
        (claims(a=0, b=0), "a"),
        (claims(a=0, b=1_700_000_000_000), "b"),
        # A holder that was evicted while paused comes back with its old claim.
        (claims(a=1_700_000_000_000, b=1_700_000_009_000), "b"),
    ],
)
def test_the_latest_holder_keeps_the_partition(members: dict[str, ConsumerProtocolMemberMetadata], owner: str) -> None:
    assignments = Incumbent().assign(OnePartition(), members)
    assert {member for member, assignment in assignments.items() if assignment.partitions()} == {owner}


def test_a_claim_lasts_from_the_first_assignment_to_the_loss() -> None:
    times = iter([5, 9])
    assignor = Incumbent(lambda: next(times))
    mine = assignor.assign(OnePartition(), claims(a=1))["a"]
    nothing = assignor.assign(OnePartition(), claims(a=0, b=1))["a"]
    seen = []
    for assignment in (mine, mine, nothing, mine):
        assignor.on_assignment(assignment)
        seen.append(assignor.held_since)
    assert seen == [5, 5, 0, 9]
