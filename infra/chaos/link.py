"""One connection through the proxy."""

import asyncio
from contextlib import suppress

CHUNK = 65_536
CHUNKS = 16  # a MiB under way in each direction: whoever sends more is made to wait, as by any network
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Link:
    """Bytes between a client and a broker, later than they came or not at all.

    Attributes:
        port: of the client's end: whose connection it is.
        delay_s: how long bytes are under way that come from now on; they go on in their order.
        flowing: while it is not set nothing passes, and nothing is lost: so does TCP when the network is down.
    """

    def __init__(self, client: Streams, broker: Streams) -> None:
        self.port: int = client[1].get_extra_info("peername")[1]
        self.delay_s = 0.0
        self.flowing = asyncio.Event()
        self.flowing.set()
        self._client, self._broker = client, broker

    async def run(self) -> None:
        """Until either side ends it, or `cut` does."""
        (from_client, to_client), (from_broker, to_broker) = self._client, self._broker
        ways = [self._pass(from_client, to_broker), self._pass(from_broker, to_client)]
        tasks = [asyncio.create_task(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def cut(self) -> None:
        """End it as a router would that forgot it: both sides are told, what is under way is lost."""
        for _, writer in (self._client, self._broker):
            writer.transport.abort()

    async def end(self) -> None:
        """Cut it, and wait until nothing of it is left."""
        await asyncio.gather(*(end(writer) for _, writer in (self._client, self._broker)))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(CHUNKS)
        sending = asyncio.create_task(self._send(waiting, writer))
        try:
            with suppress(OSError):
                while data := await reader.read(CHUNK):
                    await waiting.put((asyncio.get_running_loop().time() + self.delay_s, data))
                await waiting.put((0.0, b""))
                await sending
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _send(self, waiting: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        while True:
            due, data = await waiting.get()
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            await self.flowing.wait()
            if not data:
                return
            writer.write(data)
            await writer.drain()


async def end(writer: asyncio.StreamWriter) -> None:
    """End one side at once."""
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()
