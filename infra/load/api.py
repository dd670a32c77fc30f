"""The server's HTTP interface as a customer of it sees it: one process away, over kept-alive connections."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

TIMEOUT_S = 5.0
ATTEMPTS = 5
PAUSE_S = 0.2
SHARE = 0.1  # of the items go from the index to the ranker when the index is measured
CONNECTIONS = 16


class Customer(Protocol):
    """Whoever asks."""

    @property
    def user_id(self) -> str: ...  # noqa: D102
    @property
    def country(self) -> str: ...  # noqa: D102


class Item(msgspec.Struct, frozen=True):
    """What the server holds of one item, as far as the demonstration looks."""

    retrievable: bool
    published: int | None = None
    exposures: int | None = None


class Stats(msgspec.Struct, frozen=True):
    """The index in numbers."""

    items: int
    codes: int
    codes_used: int
    perplexity: float
    exposures: int
    version: int


class _Found(msgspec.Struct, frozen=True):
    id: str
    attributes: dict[str, Any]


class _Answer(msgspec.Struct, frozen=True):
    items: list[_Found]
    version: int
    clock: int


class Recommended(msgspec.Struct, frozen=True):
    """Titles, best first, and how many sales the model had learned from."""

    titles: list[str]
    clock: int


class _Answers(msgspec.Struct, frozen=True):
    answers: list[_Answer]


Decoded = TypeVar("Decoded", Item, Stats, _Answer, _Answers)

_decode_item = msgspec.json.Decoder(Item).decode
_decode_stats = msgspec.json.Decoder(Stats).decode
_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_answers = msgspec.json.Decoder(_Answers).decode


class Server:
    """Asks one server. A server that is down or not ready is no error: the answer is None. Use as `async with`."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.items = 0
        """Items in the index when `stats` was last asked."""
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), connector=aiohttp.TCPConnector(limit=CONNECTIONS)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session:
            await self._session.close()

    async def item(self, item_id: str) -> Item | None:
        """What it holds of an item."""
        return await self._get(f"/v1/items/{quote(item_id, safe='')}", _decode_item)

    async def stats(self) -> Stats | None:
        """The index in numbers."""
        found = await self._get("/v1/stats", _decode_stats)
        if found:
            self.items = found.items
        return found

    async def foresee(self, customer: Customer, k: int) -> Mapping[str, Sequence[str]] | None:
        """The k best items for a customer who is about to pay, by the index and by exact search, of one version."""
        query = {"user_id": customer.user_id, "features": {"country": customer.country}, "k": k}
        narrow = query | {"candidates": max(k, round(SHARE * self.items))}
        for _ in range(ATTEMPTS):
            found = await self._post(
                "/v1/retrieve/batch", {"queries": [narrow, query | {"exact": True}]}, _decode_answers
            )
            if found and found.answers[0].version == found.answers[1].version:
                svq, exact = ([item.id for item in answer.items] for answer in found.answers)
                return {"svq": svq, "exact": exact}
            await asyncio.sleep(PAUSE_S)
        return None

    async def recommend(self, user_id: str, country: str, k: int, exclude: Sequence[str] = ()) -> Recommended | None:
        """The k best items for a customer, as the server is set up."""
        query = {"user_id": user_id, "features": {"country": country}, "k": k, "exclude": list(exclude)}
        found = await self._post("/v1/retrieve", query, _decode_answer)
        if found is None:
            return None
        return Recommended([str(item.attributes.get("title", item.id)) for item in found.items], found.clock)

    async def _get(self, path: str, decode: Callable[[bytes], Decoded]) -> Decoded | None:
        return await self._ask("GET", path, None, decode)

    async def _post(self, path: str, body: Mapping[str, Any], decode: Callable[[bytes], Decoded]) -> Decoded | None:
        return await self._ask("POST", path, msgspec.json.encode(body), decode)

    async def _ask(
        self, method: str, path: str, body: bytes | None, decode: Callable[[bytes], Decoded]
    ) -> Decoded | None:
        assert self._session is not None, "use the server as `async with`"  # noqa: S101 - a programming error
        headers = {"Content-Type": "application/json"} if body else None
        try:
            async with self._session.request(method, self.address + path, data=body, headers=headers) as response:
                content = await response.read()
                return decode(content) if response.status == 200 else None
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None
