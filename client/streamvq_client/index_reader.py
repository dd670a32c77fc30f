"""A live copy of the index in memory, for people's own serving workers."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, Self

from streamvq_client.errors import ReaderError, UnreachableError
from streamvq_client.live_reader import LiveReader
from streamvq_client.record import Record
from streamvq_client.rows import ClusterRow, HistoryRow, ItemIndexRow, ItemRow, Row
from streamvq_client.shares import Shares
from streamvq_client.tables import TABLES, put_each

TableName = Literal["items", "item_index", "clusters", "histories"]
POLL_RECORDS: Final = 1000
PIECE: Final = 256
"""Rows taken over at a time, about a millisecond; the rest of the program runs in between."""


class Change(NamedTuple):
    """A row that changed: `before` is None for one that is new, `after` for one that is gone."""

    table: str
    key: str | int
    before: Row | None
    after: Row | None


Callback = Callable[[Change], None]


class IndexReader:
    """Rows of tables as Kafka has them, committed ones only, a moment after they are written.

        async with IndexReader("127.0.0.1:9092", "svq") as index:
            await index.until_ready()
            print(index.item_index["i1"].clusters, index.items_of(3), index.clusters[3].exposures)

    It lives in one event loop and changes between two steps of it. Where Kafka is away, rows stay as they are, and
    `silent_s` grows; where everything has to be read anew, they stay until that is done.

    Args:
        connection: address, or aiokafka's arguments: `bootstrap_servers`, and whatever the login needs.
        prefix: of the retriever's topics.
        tables: which ones are read.
        timeout_s: how long Kafka may take to answer at the start.

    Raises:
        UnreachableError: at the start, Kafka did not answer.
        TopicMissingError: at the start, a table does not exist.
    """

    def __init__(
        self,
        connection: str | Mapping[str, Any],
        prefix: str = "svq",
        *,
        tables: Sequence[TableName] = ("item_index", "clusters"),
        timeout_s: float = 30.0,
    ) -> None:
        arguments = {"bootstrap_servers": connection} if isinstance(connection, str) else connection
        self._timeout_s = timeout_s
        self._names: dict[str, str] = {TABLES[name].topic(prefix): name for name in tables}
        self._rows: dict[str, dict[Any, Any]] = {name: {} for name in tables}
        self._members: dict[int, set[str]] = {}
        self._shares = Shares()
        self._put = {topic: self._taker(name) for topic, name in self._names.items()}
        self._reader = LiveReader(arguments, list(self._names), self._held, timeout_s=timeout_s)
        self._callbacks: list[Callback] = []
        self._task: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()
        self._failure: BaseException | None = None

    async def start(self) -> None:
        """Connect and begin to read."""
        await self._reader.start()
        self._task = asyncio.create_task(self._follow(), name="index reader")

    async def stop(self) -> None:
        """Disconnect; the rows stay as they are."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._reader.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def items(self) -> Mapping[str, ItemRow]:
        """Item -> features and attributes; those of deleted items are not among them."""
        return self._table("items")

    @property
    def item_index(self) -> Mapping[str, ItemIndexRow]:
        """Item -> where it is filed."""
        return self._table("item_index")

    @property
    def clusters(self) -> Mapping[int, ClusterRow]:
        """Cluster -> its items and exposures, added up over the partitions; -1 holds items without a cluster."""
        return self._table("clusters")

    @property
    def histories(self) -> Mapping[str, HistoryRow]:
        """User -> latest positive items."""
        return self._table("histories")

    def items_of(self, cluster: int) -> AbstractSet[str]:
        """Items filed under a cluster as `item_index` has it."""
        self._table("item_index")
        return frozenset(self._members.get(cluster, ()))

    def on_change(self, callback: Callback) -> Callable[[], None]:
        """Call this with every change from now on, in their order; what is returned ends that.

        Before `start`, that is every row. An exception ends the reader with it.
        """
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    async def until_ready(self, timeout_s: float | None = None) -> None:
        """Return when everything that was there at the start is here.

        Raises:
            UnreachableError: it was not in time; the message says what is missing. Without a timeout it has all time.
            ClientError: the reader has failed, see `check`.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._settled.wait()
        except TimeoutError as error:
            missing = ", ".join(f"{topic}: {count} records" for topic, count in self._reader.waiting_for().items())
            raise UnreachableError(f"not everything was read within {timeout_s:g} s, missing {missing}") from error
        self.check()

    def check(self) -> None:
        """Raise what ended the reader, if something did; the rows are then those of that moment.

        Raises:
            TruncatedError, TopicMissingError, FormatError: see there.
        """
        if self._failure is not None:
            raise self._failure

    @property
    def ready(self) -> bool:
        """Whether everything that was there at the start is here, and the reader goes on."""
        return self._settled.is_set() and self._failure is None

    @property
    def reading_anew(self) -> bool:
        """Whether the rows are older than they should be, because all are being read once more."""
        return self._reader.reading_anew

    def lag(self) -> dict[str, int]:
        """Table -> committed offsets not read yet, as of Kafka's last answer."""
        return {self._names[topic]: count for topic, count in self._reader.lag().items()}

    def silent_s(self) -> float:
        """Seconds since Kafka last answered."""
        return self._reader.silent_s()

    async def _follow(self) -> None:
        try:
            while True:
                records = await self._reader.poll(POLL_RECORDS, timeout_ms=200)
                for start in range(0, len(records), PIECE):
                    put_each(records[start : start + PIECE], self._put)
                    await asyncio.sleep(0)
                if self._reader.ready:
                    self._settled.set()
        except Exception as error:  # noqa: BLE001 - also one of a callback: whoever asks next is told
            self._failure = error
            self._settled.set()

    def _table(self, name: str) -> Mapping[Any, Any]:
        if name not in self._rows:
            raise ReaderError(f"the table {name} is not read: name it in `tables`")
        return MappingProxyType(self._rows[name])

    def _taker(self, name: str) -> Callable[[Record], None]:
        if name == "clusters":
            return self._take_share

        def take(record: Record) -> None:
            key, row = TABLES[name].read(record)
            self._change(name, key, None if isinstance(row, ItemRow) and row.deleted is not None else row)

        return take

    def _take_share(self, record: Record) -> None:
        cluster = self._shares.take(record)
        self._change("clusters", cluster, self._shares.row(cluster))

    def _change(self, name: str, key: str | int, after: Row | None) -> None:
        rows = self._rows[name]
        before = rows.get(key)
        if before == after:
            return
        if after is None:
            del rows[key]
        else:
            rows[key] = after
        if name == "item_index":
            self._move(str(key), before, after)
        change = Change(name, key, before, after)
        for callback in tuple(self._callbacks):
            callback(change)

    def _move(self, item: str, before: Any, after: Any) -> None:
        for cluster in before.clusters if before is not None else ():
            self._members[cluster].discard(item)
            if not self._members[cluster]:
                del self._members[cluster]
        for cluster in after.clusters if after is not None else ():
            self._members.setdefault(cluster, set()).add(item)

    def _held(self, topic: str) -> Iterable[tuple[int, bytes]]:
        name = self._names[topic]
        return self._shares.held() if name == "clusters" else [(0, key.encode()) for key in self._rows[name]]
