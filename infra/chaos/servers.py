"""What the servers answer, asked over HTTP as anybody may."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import aiohttp
from streamvq_client.rows import ItemIndexRow

CONNECTIONS, TIMEOUT_S = 8, 10.0
ASKED_USERS, K = 40, 50
OK, NOT_FOUND = 200, 404


@dataclass(frozen=True, slots=True)
class Answers:
    """One server's view.

    Attributes:
        items: item -> what it holds of it; None when it says that there is none.
        clusters: cluster -> items and exposures.
        retrieved: user -> ids of the answer, best first.
        version: of the model that it serves.
        unanswered: questions without an answer.
    """

    items: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    clusters: dict[int, tuple[int, int]] = field(default_factory=dict)
    retrieved: dict[str, list[str]] = field(default_factory=dict)
    version: int = 0
    unanswered: list[str] = field(default_factory=list)

    def agrees_on(self, index: Mapping[tuple[int, str], ItemIndexRow]) -> bool:
        """Whether it holds each row as it is in the changelog, and no other."""
        return not self.unanswered and not different_items(self.items, index)


def different_items(
    held: Mapping[str, Mapping[str, Any] | None], index: Mapping[tuple[int, str], ItemIndexRow]
) -> list[str]:
    """Items of which a server holds something else than the rows say."""
    rows = {item: row for (_, item), row in index.items()}
    return [item for item, found in held.items() if _held(found) != _wanted(rows.get(item))]


def _held(found: Mapping[str, Any] | None) -> tuple[Any, ...] | None:
    if found is None or found["clusters"] is None:
        return None
    return (found["clusters"], found["exposures"], found["version"], found["time"], found["published"])


def _wanted(row: ItemIndexRow | None) -> tuple[Any, ...] | None:
    return None if row is None else (row.clusters[:1], row.exposures, row.version, row.time, row.published)


async def ask_servers(servers: Mapping[str, str], items: Sequence[str]) -> dict[str, Answers]:
    """Ask every server for every item, for its clusters, and for what it recommends to some users."""
    # Of each answer, not of the wait for one of a few connections: a busy machine takes a while for all of them.
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=TIMEOUT_S, sock_read=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:
        return {role: await _ask(session, address, items) for role, address in servers.items()}


async def _ask(session: aiohttp.ClientSession, address: str, items: Sequence[str]) -> Answers:
    answers = Answers()

    async def get(what: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        method = "POST" if body else "GET"
        try:
            async with session.request(method, address + path, json=body) as response:
                if response.status in {OK, NOT_FOUND}:
                    return await response.json(content_type=None) if response.status == OK else None
                answers.unanswered.append(f"{what}: status {response.status}")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            answers.unanswered.append(f"{what}: {error!r}")
        return None

    async def item(name: str) -> None:
        answers.items[name] = await get(name, f"/v1/items/{quote(name, safe='')}")

    async def retrieve(user: str) -> None:
        found = await get(user, "/v1/retrieve", {"user_id": user, "k": K})
        answers.retrieved[user] = [one["id"] for one in found["items"]] if found else []

    await asyncio.gather(*(item(name) for name in items), *(retrieve(f"u{n}") for n in range(ASKED_USERS)))
    listed = await get("clusters", "/v1/clusters?sort=id&limit=10000") or {"clusters": []}
    for one in listed["clusters"]:
        answers.clusters[one["id"]] = (one["items"], one["exposures"])
    stats = await get("stats", "/v1/stats")
    return Answers(
        answers.items, answers.clusters, answers.retrieved, stats["version"] if stats else 0, answers.unanswered
    )
