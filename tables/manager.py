"""What happens when Kafka gives this worker partitions, or takes them: the hook into Faust's table manager."""

import asyncio
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError
from faust.tables import TableManager as FaustTableManager
from faust.tables.recovery import RebalanceAgain, ServiceStopped
from faust.tables.recovery import Recovery as FaustRecovery
from mode import Service

from tables.errors import die

log = structlog.get_logger(__name__)

TAKE_OVER_DEADLINE_S = 20.0  # by the clock of `Pulses`: on a full machine it takes longer, and has not failed
# Topics that were just created, and members that are gone but not yet expired, make assignments that do not last.
FIT_DEADLINE_S = 40.0
AGAIN_S = 0.1


class Recovery(FaustRecovery):  # type: ignore[misc]  # Faust carries no types
    """Faust's recovery with nothing to do: shards restore themselves, in bulk, outside of the callback."""

    def need_recovery(self) -> bool:
        """Never, not even when a step has written since the ends were noted."""
        return False

    @Service.task  # type: ignore[untyped-decorator]
    async def _restart_recovery(self) -> None:
        """After each rebalance, let the streams go on.

        Faust first asks Kafka where changelogs end. A transaction that is open there is an inconsistency to it, and
        when one of its requests meets a rebalance it waits for another one, which may never come: nothing is delivered.
        """
        while not await self.wait_for_stopped(self.signal_recovery_start):
            self.signal_recovery_start.clear()
            try:
                await self._resume_streams(self._generation_id)
            except ServiceStopped:
                return
            except RebalanceAgain:
                continue
            except (
                IllegalStateError,
                AssertionError,
            ) as error:  # aiokafka's for partitions that it has not, or not yet
                log.warning("streams cannot go on yet", reason=repr(error))
                await self.sleep(AGAIN_S)
                self.signal_recovery_start.set()


class TableManager(FaustTableManager):  # type: ignore[misc]  # Faust carries no types
    """After any rebalance: fence every shard anew inside the callback, restore outside of it.

    For all partitions each time, not the newly assigned ones: a worker that comes back from a pause gets the same
    partitions as before, although another worker owned them meanwhile.
    """

    _recovery: Any
    _waiting: asyncio.TimerHandle | None = None

    @property
    def recovery(self) -> Any:
        """The recovery service, ours."""
        if self._recovery is None:
            self._recovery = Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

    async def on_start(self) -> None:
        """Without the second that Faust waits for tables to be declared: ours are, before the app starts."""
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()

    async def on_rebalance(
        self, assigned: set[Any], revoked: set[Any], newly_assigned: set[Any], generation_id: int = 0
    ) -> None:
        """Called by Faust. Exceptions here would reach its `crash()` only: no exit code, no last line."""
        pulses = self.app.shards.pulses
        taking = pulses.stream("taking over partitions", TAKE_OVER_DEADLINE_S)
        try:
            with taking.during():
                await self._take_over(assigned, revoked, newly_assigned, generation_id)
        except Exception as error:  # noqa: BLE001 - see above
            die(error)
        finally:
            pulses.remove(taking)

    async def _take_over(
        self, assigned: set[Any], revoked: set[Any], newly_assigned: set[Any], generation_id: int
    ) -> None:
        shards = self.app.shards
        if self._waiting is not None:
            self._waiting.cancel()
        await shards.release()
        changelogs = {table.changelog_topic.get_topic_name() for table in self.values()}
        partitions = {tp.partition for tp in self.app.assignor.assigned_actives() if tp.topic in changelogs}
        unfit = shards.unfit({TopicPartition(*tp) for tp in assigned}, partitions)
        if unfit is not None:
            log.warning("waiting for another assignment", reason=str(unfit), seconds=FIT_DEADLINE_S)
            self._waiting = asyncio.get_running_loop().call_later(FIT_DEADLINE_S, die, unfit)
            partitions = set()
        fenced = await shards.fence(partitions)
        self._open_databases(partitions)
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)
        shards.publish(fenced)

    def _open_databases(self, partitions: set[int]) -> None:
        """Close what is no longer ours, open what is: Faust would retry a locked folder for half a minute."""
        for table in self.values():
            for partition in table.open_partitions() - partitions:
                table.release(partition)
            for partition in sorted(partitions):
                table.open(partition)
