"""A bad network between workers and brokers: connections that are slow, silent or cut, of everybody or of one process.

Kafka's clients connect to the addresses that brokers advertise, so each broker has a second listener which advertises
ours (`infra.broker_files.Detour`). Whose a connection is, the kernel knows: the process that has its other end.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import psutil

from infra.broker_files import HOST, Detour
from infra.chaos.link import Link, end

CONNECT_S = 5.0
STOP_S = 5.0

Kind = Literal["cut", "drop", "delay"]


@dataclass(frozen=True, slots=True, eq=False)
class Trouble:
    """What happens to connections.

    Attributes:
        kind: cut: they end, and new ones do at once; drop: nothing passes; delay: everything comes later.
        pid: of the process that has it, asked again for each new connection; None: everybody has.
        delay_s: how much later.
    """

    kind: Kind
    pid: Callable[[], int | None] | None = None
    delay_s: float = 0.0


class Proxy:
    """Listens where the detours advertise, in a thread of its own.

    Args:
        detours: one a broker.
    """

    def __init__(self, detours: Sequence[Detour]) -> None:
        self._detours = detours
        self._links: set[Link] = set()
        self._troubles: set[Trouble] = set()
        self._applying = asyncio.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def bootstrap(self) -> str:
        """Addresses for those who go this way."""
        return ",".join(f"{HOST}:{detour.advertised}" for detour in self._detours)

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_S)
        self._loop.close()

    @contextmanager
    def trouble(self, trouble: Trouble) -> Iterator[None]:
        """Meanwhile those concerned have it."""
        self._run(self._begin(trouble))
        try:
            yield
        finally:
            self._run(self._relieve(trouble))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(STOP_S)

    async def _listen(self) -> None:
        for detour in self._detours:
            self._servers.append(await asyncio.start_server(self._accept(detour.listens), HOST, detour.advertised))

    def _accept(self, port: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = self._loop.create_task(self._join(reader, writer, port))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return accept

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                broker = await asyncio.open_connection(HOST, port)
        except (OSError, TimeoutError):
            await end(writer)
            return
        link = Link((reader, writer), broker)
        self._links.add(link)
        try:
            await self._apply([link])
            await link.run()
        finally:
            self._links.discard(link)
            await link.end()

    async def _begin(self, trouble: Trouble) -> None:
        self._troubles.add(trouble)
        await self._apply([*self._links])

    async def _relieve(self, trouble: Trouble) -> None:
        self._troubles.discard(trouble)
        await self._apply([*self._links])

    async def _apply(self, links: Sequence[Link]) -> None:
        """Give each link the troubles that it has now."""
        async with self._applying:
            had = {trouble: await asyncio.to_thread(_ports, trouble) for trouble in [*self._troubles]}
            for link in links:
                own = [trouble for trouble, ports in had.items() if ports is None or link.port in ports]
                kinds = {trouble.kind for trouble in own}
                link.delay_s = sum(trouble.delay_s for trouble in own)
                link.flowing.clear() if "drop" in kinds else link.flowing.set()
                if "cut" in kinds:
                    link.cut()

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _ports(trouble: Trouble) -> set[int] | None:
    """Local ports of whoever has it, None for everybody."""
    if trouble.pid is None:
        return None
    pid = trouble.pid()
    try:
        return {connection.laddr.port for connection in psutil.Process(pid).net_connections("tcp")} if pid else set()
    except psutil.NoSuchProcess:
        return set()
