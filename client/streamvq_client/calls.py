"""The HTTP interface as plain values: what to send for each question, and how to read the answer."""

import math
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Generic, Literal, TypeVar
from urllib.parse import quote

import msgspec

from streamvq_client.answers import Answer, BatchAnswer, NearestAnswer, Published, SimilarAnswer
from streamvq_client.errors import FormatError
from streamvq_client.events import Candidate, Exposure, Keyed, encode_candidate, encode_exposure, id_of
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
ClusterOrder = Literal["id", "items", "exposures"]
Parameters = Mapping[str, str | int]

EVENTS: Final = 1000
BODY_BYTES: Final = 512 * 1024
"""Events go in requests of at most so many, and so large: well below what a server takes."""


class Call(msgspec.Struct, Generic[T], frozen=True):
    """One request, and what comes of it.

    Attributes:
        method, path, body, parameters, headers: of the request.
        answer: what the body of the response holds.
        statuses: of responses that hold it.
        events: published by it.
    """

    method: str
    path: str
    answer: type[T]
    body: bytes | None = None
    parameters: Parameters = {}
    headers: Mapping[str, str] = {}
    statuses: frozenset[int] = frozenset({200})
    events: int = 0

    def read(self, body: bytes) -> T:
        """The answer; FormatError for a body that is none."""
        try:
            return msgspec.json.decode(body, type=self.answer)
        except (ValueError, RecursionError) as error:
            wanted = f"{self.method} {self.path}: no {self.answer.__name__}"
            raise FormatError(f"{wanted}: {error}. Is this a streamvq server, and no older than the client?") from error


def retrieve(query: Query) -> Call[Answer]:
    """The best items for one user, now."""
    return Call("POST", "/v1/retrieve", Answer, _json(query))


def retrieve_batch(queries: Sequence[Query]) -> Call[BatchAnswer]:
    """The same for several users; cheaper than one request each."""
    return Call("POST", "/v1/retrieve/batch", BatchAnswer, _json({"queries": queries}))


def similar(item_id: str | int, query: SimilarQuery) -> Call[SimilarAnswer]:
    """Items like one."""
    return Call("POST", f"/v1/items/{_segment(item_id)}/similar", SimilarAnswer, _json(query))


def nearest_clusters(query: NearestQuery) -> Call[NearestAnswer]:
    """Clusters nearest to a user."""
    return Call("POST", "/v1/clusters/nearest", NearestAnswer, _json(query))


def item(item_id: str | int) -> Call[ItemState]:
    """One item: where it is filed, and what is known of it."""
    return Call("GET", f"/v1/items/{_segment(item_id)}", ItemState)


def clusters(sort: ClusterOrder, limit: int) -> Call[ClusterList]:
    """Sizes and exposures of the clusters."""
    return Call("GET", "/v1/clusters", ClusterList, parameters={"sort": sort, "limit": limit})


def cluster(cluster_id: int, limit: int) -> Call[ClusterItems]:
    """One cluster and its best items."""
    return Call("GET", f"/v1/clusters/{cluster_id}", ClusterItems, parameters={"limit": limit})


def cluster_items(cluster_id: int, task: str | None, offset: int, limit: int) -> Call[MemberPage]:
    """A page of a cluster's items."""
    parameters: dict[str, str | int] = {"offset": offset, "limit": limit} | ({} if task is None else {"task": task})
    return Call("GET", f"/v1/clusters/{cluster_id}/items", MemberPage, parameters=parameters)


def user(user_id: str | int) -> Call[UserState]:
    """What is known of a user."""
    return Call("GET", f"/v1/users/{_segment(user_id, 'user_id')}", UserState)


def attributes(limit: int) -> Call[AttributeList]:
    """What filters and quotas can name."""
    return Call("GET", "/v1/attributes", AttributeList, parameters={"limit": limit})


def tables() -> Call[TableList]:
    """Tables, and how many rows of each the server holds."""
    return Call("GET", "/v1/tables", TableList)


def row(table: str, key: str | int) -> Call[TableRow]:
    """A row of a table."""
    return Call("GET", f"/v1/tables/{table}/{_segment(key, 'key')}", TableRow)


def versions() -> Call[Versions]:
    """What is in force."""
    return Call("GET", "/v1/versions", Versions)


def configuration() -> Call[Configuration]:
    """Settings in effect."""
    return Call("GET", "/v1/config", Configuration)


def stats() -> Call[Stats]:
    """The index in numbers."""
    return Call("GET", "/v1/stats", Stats)


def readiness() -> Call[Readiness]:
    """Whether answers are to be trusted; an answer also while they are not."""
    return Call("GET", "/readyz", Readiness, statuses=frozenset({200, 503}))


def expose(events: Sequence[Exposure]) -> list[Call[Published]]:
    """Exposures, in as many requests as they need; EventError, before any is sent, where a worker would refuse one."""
    return _publications("/v1/exposures", [encode_exposure(event) for event in events])


def put(items: Sequence[Candidate]) -> list[Call[Published]]:
    """Candidates, likewise."""
    return _publications("/v1/candidates", [encode_candidate(one) for one in items])


def delete(item_id: str | int) -> Call[Published]:
    """The deletion of an item."""
    return Call("DELETE", f"/v1/items/{_segment(item_id)}", Published)


def _publications(path: str, events: Sequence[Keyed]) -> list[Call[Published]]:
    return [
        Call(
            "POST",
            path,
            Published,
            b"[" + b",".join(values) + b"]",
            # Under its key a request that is sent again is published once.
            headers={"Idempotency-Key": uuid.uuid4().hex},
            statuses=frozenset({200, 207}),
            events=len(values),
        )
        for values in _portions([event.value for event in events])
    ]


def _portions(values: Sequence[bytes]) -> Iterator[list[bytes]]:
    some: list[bytes] = []
    size = 0
    for value in values:
        if some and (len(some) == EVENTS or size + len(value) > BODY_BYTES):
            yield some
            some, size = [], 0
        some.append(value)
        size += len(value)
    if some:
        yield some


def _segment(value: str | int, field: str = "item_id") -> str:
    """An id as a part of a path; dots alone would be taken for a step up."""
    return quote(id_of(value, field), safe="").replace(".", "%2E")


def _json(body: Any) -> bytes:
    plain = msgspec.to_builtins(body)
    _check_finite(plain)
    return msgspec.json.encode(plain)


def _check_finite(value: Any) -> None:
    """ValueError for NaN and infinity, of which JSON would make null without a word."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"a question holds {value}: JSON has no such number")
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        _check_finite(inner)
