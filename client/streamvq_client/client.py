"""The HTTP client for programs without an event loop."""

import time
from collections.abc import Sequence
from typing import Any, Self, TypeVar, Unpack

import httpx

from streamvq_client import calls
from streamvq_client.answers import Answer, Published
from streamvq_client.calls import Call, ClusterOrder
from streamvq_client.endpoint import DEFAULT, Endpoint, Publication, Settings
from streamvq_client.events import Candidate, Exposure
from streamvq_client.exchange import Exchange
from streamvq_client.questions import Query
from streamvq_client.states import ClusterItems, ClusterList, ItemState, Readiness, Stats

T = TypeVar("T")


class Client:
    """Asks a streamvq server and publishes through it, over kept connections; any number of threads may share one.

        with Client("http://127.0.0.1:8080") as client:
            for found in client.retrieve(Query(user_id="u1", k=10)).items:
                print(found.id, found.score)

    A request that fails on its way, and one that the server puts off, is sent again until the deadline; what it
    publishes is published once all the same.

    Args:
        url, settings: see `Endpoint`.

    Raises:
        UnreachableError: no response in time.
        ServerError: the response is a problem; the subclass and `code` say which, `remedy` what to do.
        FormatError: the response is something else.
    """

    def __init__(self, url: str = DEFAULT, **settings: Unpack[Settings]) -> None:
        endpoint = Endpoint(url, **settings)
        self._patience = endpoint.patience
        self._http = httpx.Client(**endpoint.arguments)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def retrieve(self, query: Query) -> Answer:
        """The best items for one user, now."""
        return self._ask(calls.retrieve(query))

    def retrieve_batch(self, queries: Sequence[Query]) -> list[Answer]:
        """The same for several users, in their order; cheaper than one request each."""
        return (self._ask(calls.retrieve_batch(queries))).answers

    def item(self, item_id: str | int) -> ItemState:
        """Where an item is filed, and what is known of it; NotFoundError when there is none."""
        return self._ask(calls.item(item_id))

    def clusters(self, *, sort: ClusterOrder = "items", limit: int = 100) -> ClusterList:
        """Sizes and exposures of the clusters; -1 holds the items that have no code."""
        return self._ask(calls.clusters(sort, limit))

    def cluster(self, cluster_id: int, *, limit: int = 100) -> ClusterItems:
        """One cluster and its best items; NotFoundError when there is none."""
        return self._ask(calls.cluster(cluster_id, limit))

    def stats(self) -> Stats:
        """The index in numbers."""
        return self._ask(calls.stats())

    def readiness(self) -> Readiness:
        """Whether answers are to be trusted, and what they wait for."""
        return self._ask(calls.readiness())

    def expose(self, *events: Exposure) -> Published:
        """Publish exposures; returns when Kafka has them.

        Raises:
            EventError: no worker would take one of them; none was sent.
            PublishError: some were refused; its `published` says which.
        """
        return self._publish(calls.expose(events))

    def put(self, *items: Candidate) -> Published:
        """Publish candidates, new or changed; as `expose`."""
        return self._publish(calls.put(items))

    def delete(self, item_id: str | int) -> Published:
        """Delete an item, whether or not it exists; returns when Kafka has the deletion."""
        return self._ask(calls.delete(item_id))

    def _publish(self, requests: Sequence[Call[Published]]) -> Published:
        with Publication() as publication:
            for call in requests:
                publication.add(call, self._ask(call))
        return publication.published()

    def _ask(self, call: Call[T]) -> T:
        exchange = Exchange(call, self._patience)
        while True:
            try:
                response, body = self._attempt(call, exchange)
            except httpx.TransportError as error:
                pause_s = exchange.failed(error)
            else:
                if exchange.settled(response):
                    return call.read(body)
                pause_s = exchange.refused(response, body)
            time.sleep(pause_s)

    def _attempt(self, call: Call[Any], exchange: Exchange[Any]) -> tuple[httpx.Response, bytes]:
        body = bytearray()
        with self._http.stream(call.method, call.path, **exchange.begin()) as response:
            for piece in response.iter_bytes():
                exchange.grow(body, piece)
        return response, bytes(body)
