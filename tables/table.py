"""A table whose rows live in Kafka (its changelog) and in RocksDB (a cache of it), a database a partition."""

import itertools
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import faust
from aiokafka import TopicPartition
from rocksdict import WriteBatch

from tables.errors import FolderError, ShardLost
from tables.folder import damage_mark, delete_database, is_damage, open_database

# Ours, in the same database as the rows: the changelog offset that they reach, and when. Ids are UTF-8, so it is none.
RESTORED = b"\xffrestored"
# Kafka forgets tombstones a day after compaction; rows that were not brought up to date for longer may be ghosts.
MAX_AGE_S = 12 * 3600.0


class Table(faust.Table):  # type: ignore[misc]  # Faust carries no types
    """Read by partition and key; written only by the transaction of a step (`Shard.step`)."""

    def changelog(self, partition: int) -> TopicPartition:
        """Changelog partition that holds a partition's rows."""
        return TopicPartition(self.changelog_topic.get_topic_name(), partition)

    def get(self, partition: int, key: bytes) -> bytes | None:
        """One row, None where there is none."""
        return self._reading(partition, lambda db: db.get(key))  # type: ignore[no-any-return]

    def multi_get(self, partition: int, keys: list[bytes]) -> list[bytes | None]:
        """Rows in the order of their keys; from disk a third faster than one by one."""
        return self._reading(partition, lambda db: db.get(keys)) if keys else []

    def scan(self, partition: int, after: bytes = b"", limit: int | None = None) -> list[tuple[bytes, bytes]]:
        """Rows in the order of their keys, those behind `after` first.

        A list, and bounded by `limit`: an iterator that is kept would keep the database open after its partition went
        to another worker. All rows fit a list only in small tables.
        """
        return self._reading(partition, lambda db: list(itertools.islice(_rows(db, after), limit)))  # type: ignore[no-any-return]

    def apply(self, partition: int, rows: Iterable[tuple[bytes, bytes | None]], end: int | None) -> None:
        """Take over committed rows, which reach the changelog offset `end`, in one atomic write."""
        batch = WriteBatch(raw_mode=True)
        for key, value in rows:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        if end is not None:
            batch.put(RESTORED, b"%d %d" % (end, int(time.time())))
        database = self._database(partition)
        try:
            database.write(batch)
        except Exception as error:
            raise FolderError(f"{self._path(partition)} cannot be written: {error}") from error

    def reached(self, partition: int) -> tuple[int, float]:
        """Changelog offset that the local rows reach, and how many seconds ago they did."""
        stored = self._database(partition).get(RESTORED)
        if stored is None:
            return 0, 0.0
        offset, at = stored.split()
        return int(offset), max(0.0, time.time() - int(at))

    def open(self, partition: int) -> None:
        """Open the partition's database, unless it is open. Raises FolderError."""
        open_database(self._path(partition), lambda: self.data._db_for_partition(partition))  # noqa: SLF001

    def rebuild(self, partition: int) -> None:
        """Throw the local rows of a partition away."""
        self.release(partition)
        delete_database(self._path(partition))
        self.open(partition)

    def release(self, partition: int) -> None:
        """Close the partition's database, so that it can be opened again, here or elsewhere."""
        database = self._open_databases().pop(partition, None)
        if database is not None:
            database.close()

    def open_partitions(self) -> set[int]:
        """Partitions whose database is open."""
        return set(self._open_databases())

    def persisted_offset(self, tp: Any) -> int | None:
        """What Faust's own recovery asks: everything is there already, see `Shard.restore`."""
        end: int | None = self.app.shards.changelog_end(tp.topic, tp.partition)
        return end - 1 if end else None

    def _reading(self, partition: int, read: Any) -> Any:
        try:
            return read(self._database(partition))
        except Exception as error:
            if is_damage(error):
                damage_mark(self._path(partition)).touch()
            raise

    def _database(self, partition: int) -> Any:
        database = self._open_databases().get(partition)
        if database is None:
            raise ShardLost(f"{self.name}-{partition}")
        return database

    def _open_databases(self) -> dict[int, Any]:
        return self.data._dbs  # type: ignore[no-any-return]  # noqa: SLF001 - Faust's store has no public way

    def _path(self, partition: int) -> Any:
        return self.data.partition_path(partition)


def _rows(db: Any, after: bytes) -> Iterator[tuple[bytes, bytes]]:
    for key, value in db.items(from_key=after):
        if key not in (after, RESTORED):
            yield key, value


Rows = Mapping[bytes, bytes | None]
