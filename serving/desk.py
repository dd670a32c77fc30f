"""Takes questions one after another, in pieces short enough for everybody else."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from schemas.http import Answer, Choice, Query
from schemas.http_near import NearestAnswer, NearestQuery, SimilarAnswer, SimilarQuery
from schemas.workers import ServerSettings
from serving.allowed import names_in
from serving.metrics import Metrics
from serving.near import nearest_clusters, similar_items
from serving.problems import ProblemError
from serving.replica import Replica
from serving.retrieve import Breadth, retrieve

AT_ONCE: Final = 4000
"""Candidates ranked by vectors in one piece, about 15 ms: 8 questions with 500 each."""
ITEMS_A_CANDIDATE: Final = 800
"""A mask over so many items takes as long as ranking one of them."""


class Desk:
    """Answers questions from the replica, within limits.

    Args:
        replica: what is asked.
        settings: the limits.
        metrics: where answers are counted.
    """

    def __init__(self, replica: Replica, settings: ServerSettings, metrics: Metrics) -> None:
        self._replica = replica
        self._settings = settings
        self._metrics = metrics
        self._breadth = Breadth(
            settings.default_k,
            settings.candidates_floor,
            settings.candidates_fraction,
            settings.candidates_limit,
            settings.chunk,
        )

    async def answer(self, queries: Sequence[Query]) -> list[Answer]:
        """One answer a question, in their order.

        Raises:
            ProblemError: a limit is exceeded, or time is up.
            QueryError: a question cannot be answered as it is.
        """
        self._check(queries)
        deadline = time.monotonic() + self._settings.request_deadline_ms / 1000
        await self._columns(queries, deadline)
        answers: list[Answer] = []
        step = self._step(queries)
        for first in range(0, len(queries), step):
            if first:
                await self._pause(deadline)
            piece = queries[first : first + step]
            if any(query.exact for query in piece):
                answers += await self._exactly(piece, deadline)
            else:
                answers += retrieve(self._replica, piece, self._breadth)
        for answer in answers:
            self._metrics.answered(answer)
        return answers

    async def similar(self, item: str, query: SimilarQuery) -> SimilarAnswer:
        """Items like one.

        Raises:
            ProblemError: a limit is exceeded, time is up, or there is no such item.
        """
        self._check_k(query)
        await self._columns([query], time.monotonic() + self._settings.request_deadline_ms / 1000)
        k = query.k or self._breadth.k
        return similar_items(self._replica, item, query, k, self._breadth.floor)

    def nearest(self, query: NearestQuery) -> NearestAnswer:
        """Clusters near a user; QueryError if the question cannot be answered as it is."""
        return nearest_clusters(self._replica, query)

    async def _columns(self, choices: Sequence[Choice], deadline: float) -> None:
        """Make what filters and quotas read, in pieces, with others' questions in between."""
        columns = self._replica.items.columns
        for name in sorted({name for choice in choices for name in names_in(choice)}):
            for _ in columns.making(name):
                await self._pause(deadline)

    def uncounted(self, query: Query) -> Answer:
        """The answer to a question of the server's own, from the replica as it is now."""
        return retrieve(self._replica, [query], self._breadth)[0]

    def _step(self, queries: Sequence[Query]) -> int:
        """Questions to answer in one piece."""
        items = len(self._replica.items)
        most = max(items if query.exact else self._breadth.candidates(query, items) for query in queries)
        if any(query.filter is not None or query.exclude or query.exclude_seen or query.quotas for query in queries):
            most += items // ITEMS_A_CANDIDATE
        model = self._replica.model
        cost = 1 if model is None else model.ranker.cost
        return max(1, AT_ONCE // max(most * cost, 1))

    async def _exactly(self, queries: Sequence[Query], deadline: float) -> list[Answer]:
        """Compute the vectors of all items in pieces first, of one version, with others' questions in between."""
        async with self._replica.steady:
            vectors = self._replica.vectors
            if vectors is not None:
                for _ in vectors.computing(self._replica.items.retrievable()):
                    await self._pause(deadline)
            return retrieve(self._replica, queries, self._breadth)

    async def _pause(self, deadline: float) -> None:
        await asyncio.sleep(0)
        if time.monotonic() > deadline:
            raise ProblemError(
                503,
                "too_slow",
                f"The answer took longer than {self._settings.request_deadline_ms} ms.",
                "Ask for less at a time, without `exact`, or raise server.request_deadline_ms.",
            )

    def _check(self, queries: Sequence[Query]) -> None:
        settings = self._settings
        if len(queries) > settings.max_batch:
            detail = f"{len(queries)} queries; this server takes {settings.max_batch} at a time."
            raise ProblemError(422, "batch_too_large", detail, "Send them in several requests.")
        for query in queries:
            self._check_k(query)
            if (query.candidates or 0) > settings.candidates_limit:
                detail = f"candidates is {query.candidates}; this server ranks {settings.candidates_limit}."
                raise ProblemError(422, "too_many_candidates", detail, "Ask for fewer, or set `exact`.")

    def _check_k(self, choice: Choice) -> None:
        most = self._settings.max_k
        if (choice.k or 0) > most:
            raise ProblemError(422, "k_too_large", f"k is {choice.k}; this server gives {most}.", "Ask for fewer.")
