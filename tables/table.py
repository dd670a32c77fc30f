"""A table whose rows live in Kafka (its changelog) and in RocksDB (a cache of it), a database a partition."""

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import faust
from aiokafka import TopicPartition
from rocksdict import WriteBatch

from tables.errors import DamageError, ShardLost
from tables.folder import check_end, damage_mark, delete_database, is_damage, open_database, unusable
from tables.marker import RESTORED, Reached, decode_reached, encode_reached

T = TypeVar("T")


class Table(faust.Table):  # type: ignore[misc]  # Faust carries no types
    """Read by partition and key; written only by the transaction of a step (`Shard.step`).

    Attributes:
        life: id of its changelog, as the last restore learnt it.
    """

    life: str = ""

    async def on_start(self) -> None:
        """Without Faust's store as a service: to let go of a database, it has all garbage of the process collected.

        That took the event loop .17 s of processor time for each table and rebalance, and again at the end.
        """
        await self.changelog_topic.maybe_declare()

    async def on_rebalance(self, *_: Any) -> None:
        """The databases are open already, and those of others closed: see `TableManager`."""

    async def on_stop(self) -> None:
        """Close what is open."""
        for partition in self.open_partitions():
            self.release(partition)

    def changelog(self, partition: int) -> TopicPartition:
        """Changelog partition that holds a partition's rows."""
        return TopicPartition(self.changelog_topic.get_topic_name(), partition)

    def get(self, partition: int, key: bytes) -> bytes | None:
        """One row, None where there is none."""
        return self._guarded(partition, lambda db: db.get(key))  # type: ignore[no-any-return]

    def multi_get(self, partition: int, keys: list[bytes]) -> list[bytes | None]:
        """Rows in the order of their keys; from disk a third faster than one by one."""
        return self._guarded(partition, lambda db: db.get(keys)) if keys else []

    def scan(self, partition: int, after: bytes = b"", limit: int | None = None) -> list[tuple[bytes, bytes]]:
        """Rows in the order of their keys, those behind `after` first.

        A list, and bounded by `limit`: an iterator that is kept would keep the database open after its partition went
        to another worker. All rows fit a list only in small tables.
        """
        return self._guarded(partition, lambda db: _slice(db, after, limit))

    def apply(
        self, partition: int, rows: Iterable[tuple[bytes, bytes | None]], end: int | None, at: float | None = None
    ) -> None:
        """Take over committed rows in one atomic write.

        Args:
            partition: where they live.
            rows: keys with values, None deletes.
            end: changelog offset that they reach, None where that is not known.
            at: when nothing but what is applied by now had been written, seconds since 1970; now, unless told.
        """
        batch = WriteBatch(raw_mode=True)
        for key, value in rows:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        if end is not None:
            batch.put(RESTORED, encode_reached(Reached(end, time.time() if at is None else at, self.life)))
        try:
            self._guarded(partition, lambda db: db.write(batch))
        except (ShardLost, DamageError):
            raise
        except Exception as error:
            raise unusable(self._path(partition), "written", error) from error

    def reached(self, partition: int) -> Reached:
        """What the local rows are up to date with; FormatError where this release cannot read that."""
        stored = self._guarded(partition, lambda db: db.get(RESTORED))
        if stored is None:
            return Reached(0, time.time(), "")
        return decode_reached(stored)

    def open(self, partition: int) -> None:
        """Open the partition's database, unless it is open. Raises FolderError."""
        databases = self._open_databases()
        if partition not in databases:
            path = self._path(partition)
            databases[partition] = open_database(path, lambda: self.data._open_for_partition(partition))  # noqa: SLF001

    def rebuild(self, partition: int) -> None:
        """Throw the local rows of a partition away."""
        self.release(partition)
        delete_database(self._path(partition))
        self.open(partition)

    def release(self, partition: int) -> None:
        """Close the partition's database, so that it can be opened again, here or elsewhere."""
        database = self._open_databases().pop(partition, None)
        if database is not None:
            try:
                database.close()
            except Exception as error:  # noqa: BLE001 - closing flushes, and nobody waits for these rows any more
                self._mark(partition, error)

    def open_partitions(self) -> set[int]:
        """Partitions whose database is open."""
        return set(self._open_databases())

    def persisted_offset(self, tp: Any) -> int | None:
        """What Faust's own recovery asks: everything is there already, see `Shard.restore`."""
        end: int | None = self.app.shards.changelog_end(tp.topic, tp.partition)
        return end - 1 if end else None

    def _guarded(self, partition: int, use: Callable[[Any], T]) -> T:
        try:
            return use(self._database(partition))
        except Exception as error:
            if not self._mark(partition, error):
                raise
            path = self._path(partition)
            raise DamageError(f"{path} is damaged: {error}. Started again, it is rebuilt from its changelog") from error

    def _mark(self, partition: int, error: Exception) -> bool:
        """Have a database that this error shows to be damaged rebuilt the next time that it is opened."""
        damaged = is_damage(error)
        if damaged:
            damage_mark(self._path(partition)).touch()
        return damaged

    def _database(self, partition: int) -> Any:
        database = self._open_databases().get(partition)
        if database is None:
            raise ShardLost(f"{self.name}-{partition}")
        return database

    def _open_databases(self) -> dict[int, Any]:
        return self.data._dbs  # type: ignore[no-any-return]  # noqa: SLF001 - Faust's store has no public way

    def _path(self, partition: int) -> Any:
        return self.data.partition_path(partition)


def _slice(db: Any, after: bytes, limit: int | None) -> list[tuple[bytes, bytes]]:
    rows = list(itertools.islice(_rows(db, after), limit))
    if limit is None or len(rows) < limit:
        check_end(db, rows[-1][0] if rows else after)
    return rows


def _rows(db: Any, after: bytes) -> Iterator[tuple[bytes, bytes]]:
    for key, value in db.items(from_key=after):
        if key not in (after, RESTORED):
            yield key, value


Rows = Mapping[bytes, bytes | None]
