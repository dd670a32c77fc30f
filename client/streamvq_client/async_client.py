"""The HTTP client for programs with an event loop."""

import asyncio
from collections.abc import Sequence
from typing import Any, Self, TypeVar, Unpack

import httpx

from streamvq_client import calls
from streamvq_client.answers import Answer, NearestAnswer, Published, SimilarAnswer
from streamvq_client.calls import Call, ClusterOrder
from streamvq_client.endpoint import DEFAULT, Endpoint, Publication, Settings
from streamvq_client.events import Candidate, Exposure
from streamvq_client.exchange import Exchange
from streamvq_client.questions import NearestQuery, Query, SimilarQuery
from streamvq_client.states import (
    AttributeList,
    ClusterItems,
    ClusterList,
    Configuration,
    ItemState,
    MemberPage,
    Readiness,
    Stats,
    TableList,
    TableRow,
    UserState,
    Versions,
)

T = TypeVar("T")


class AsyncClient:
    """`Client` for asyncio: the same methods, to be awaited.

        async with AsyncClient("http://127.0.0.1:8080") as client:
            answer = await client.retrieve(Query(user_id="u1", k=10))

    Args:
        url, settings: see `Endpoint`.

    Raises:
        UnreachableError, ServerError, FormatError: as `Client` does.
    """

    def __init__(self, url: str = DEFAULT, **settings: Unpack[Settings]) -> None:
        endpoint = Endpoint(url, **settings)
        self._patience = endpoint.patience
        self._http = httpx.AsyncClient(**endpoint.arguments)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def retrieve(self, query: Query) -> Answer:
        """The best items for one user, now."""
        return await self._ask(calls.retrieve(query))

    async def retrieve_batch(self, queries: Sequence[Query]) -> list[Answer]:
        """The same for several users, in their order; cheaper than one request each."""
        return (await self._ask(calls.retrieve_batch(queries))).answers

    async def similar(self, item_id: str | int, query: SimilarQuery | None = None) -> SimilarAnswer:
        """Items like one, the most alike first; NotFoundError when there is no such item."""
        return await self._ask(calls.similar(item_id, query or SimilarQuery()))

    async def nearest_clusters(self, query: NearestQuery) -> NearestAnswer:
        """Where the index looks first for a user, and how each task scores it."""
        return await self._ask(calls.nearest_clusters(query))

    async def item(self, item_id: str | int) -> ItemState:
        """Where an item is filed, and what is known of it; NotFoundError when there is none."""
        return await self._ask(calls.item(item_id))

    async def clusters(self, *, sort: ClusterOrder = "items", limit: int = 100) -> ClusterList:
        """Sizes and exposures of the clusters; -1 holds the items that have no code."""
        return await self._ask(calls.clusters(sort, limit))

    async def cluster(self, cluster_id: int, *, limit: int = 100) -> ClusterItems:
        """One cluster and its best items; NotFoundError when there is none."""
        return await self._ask(calls.cluster(cluster_id, limit))

    async def cluster_items(
        self, cluster_id: int, *, task: str | None = None, offset: int = 0, limit: int = 100
    ) -> MemberPage:
        """The items of a cluster in the order of its posting list, page by page; NotFoundError when there is none."""
        return await self._ask(calls.cluster_items(cluster_id, task, offset, limit))

    async def user(self, user_id: str | int) -> UserState:
        """What is known of a user; NotFoundError when that is nothing."""
        return await self._ask(calls.user(user_id))

    async def attributes(self, *, limit: int = 100) -> AttributeList:
        """What filters and quotas can name."""
        return await self._ask(calls.attributes(limit))

    async def tables(self) -> TableList:
        """The tables, and how many rows of each the server holds."""
        return await self._ask(calls.tables())

    async def row(self, table: str, key: str | int) -> TableRow:
        """A row of a table, as the server holds it; NotFoundError when there is none."""
        return await self._ask(calls.row(table, key))

    async def versions(self) -> Versions:
        """Software and model in force."""
        return await self._ask(calls.versions())

    async def configuration(self) -> Configuration:
        """Settings of the server as they are in effect, passwords hidden."""
        return await self._ask(calls.configuration())

    async def stats(self) -> Stats:
        """The index in numbers."""
        return await self._ask(calls.stats())

    async def readiness(self) -> Readiness:
        """Whether answers are to be trusted, and what they wait for."""
        return await self._ask(calls.readiness())

    async def expose(self, *events: Exposure) -> Published:
        """Publish exposures; returns when Kafka has them.

        Raises:
            EventError: no worker would take one of them; none was sent.
            PublishError: some were refused; its `published` says which.
        """
        return await self._publish(calls.expose(events))

    async def put(self, *items: Candidate) -> Published:
        """Publish candidates, new or changed; as `expose`."""
        return await self._publish(calls.put(items))

    async def delete(self, item_id: str | int) -> Published:
        """Delete an item, whether or not it exists; returns when Kafka has the deletion."""
        return await self._ask(calls.delete(item_id))

    async def _publish(self, requests: Sequence[Call[Published]]) -> Published:
        with Publication() as publication:
            for call in requests:
                publication.add(call, await self._ask(call))
        return publication.published()

    async def _ask(self, call: Call[T]) -> T:
        exchange = Exchange(call, self._patience)
        while True:
            try:
                response, body = await self._attempt(call, exchange)
            except httpx.TransportError as error:
                pause_s = exchange.failed(error)
            else:
                if exchange.settled(response):
                    return call.read(body)
                pause_s = exchange.refused(response, body)
            await asyncio.sleep(pause_s)

    async def _attempt(self, call: Call[Any], exchange: Exchange[Any]) -> tuple[httpx.Response, bytes]:
        body = bytearray()
        async with self._http.stream(call.method, call.path, **exchange.begin()) as response:
            async for piece in response.aiter_bytes():
                exchange.grow(body, piece)
        return response, bytes(body)
