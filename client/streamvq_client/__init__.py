"""Programs that use streamvq: HTTP clients, a publisher to Kafka, and a live copy of the index."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streamvq_client.async_client import AsyncClient
    from streamvq_client.client import Client
    from streamvq_client.events import Candidate, Exposure
    from streamvq_client.index_reader import IndexReader
    from streamvq_client.publisher import Publisher
    from streamvq_client.questions import NearestQuery, Query, Quota, SimilarQuery

__all__ = [
    "AsyncClient",
    "Candidate",
    "Client",
    "Exposure",
    "IndexReader",
    "NearestQuery",
    "Publisher",
    "Query",
    "Quota",
    "SimilarQuery",
]

_MODULES = {
    "AsyncClient": "async_client",
    "Candidate": "events",
    "Client": "client",
    "Exposure": "events",
    "IndexReader": "index_reader",
    "NearestQuery": "questions",
    "Publisher": "publisher",
    "Query": "questions",
    "Quota": "questions",
    "SimilarQuery": "questions",
}


def __getattr__(name: str) -> Any:
    # Who only reads a table should not have to load an HTTP client first.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
