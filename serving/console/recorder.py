"""Sees what goes on in a server, and remembers a bounded part of it."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from streamvq_client.record import Record

from schemas.http import Answer, Query
from schemas.settings import Settings
from serving.console.activity import STEP_S as ACTIVITY_STEP_S
from serving.console.activity import Activity
from serving.console.answers import AnswerTimes
from serving.console.backlog import Backlog
from serving.console.journal import Journal
from serving.console.prequential import SHORT, K, Prequential
from serving.console.timeline import STEP_S, Timeline
from serving.replica import Replica
from serving.state import Observer
from serving.stream_time import now_ms
from tables.guard import guarded

USERS: Final = 200


class Recorder:
    """What the console shows beyond the present state.

    Args:
        replica: what changes.
        observer: tells its state.
        settings: topics, Kafka, and how much time measuring may take.
        ask: answers a question from the replica as it is.
    """

    def __init__(
        self, replica: Replica, observer: Observer, settings: Settings, ask: Callable[[Query], Answer]
    ) -> None:
        topics = settings.topics
        self._replica, self._observer = replica, observer
        self._histories = topics.histories_changelog
        self.answers = AnswerTimes()
        self.journal = Journal()
        self.activity = Activity()
        self.timeline = Timeline(now_ms())
        self.users: OrderedDict[str, None] = OrderedDict()
        """Users whose histories changed last, the latest at the end."""
        self.prequential = Prequential(
            replica, (topics.parameters, topics.histories_changelog), ask, settings.server.measure_share
        )
        self.backlog = Backlog(settings.kafka, topics.exposures, lambda: replica.commit)
        replica.items.on_refiled = self.journal.refiled

    def records(self, records: Sequence[Record]) -> None:
        """Records that were read and have not taken effect yet."""
        ready = self._observer.readiness().ready
        self.prequential.look(records, ready=ready)
        if ready:
            self._active([record for record in records if record.topic == self._histories and record.value])

    async def run(self) -> None:
        """Take samples until cancelled."""
        asking = guarded(self.backlog.run(), name="backlog")
        looked = 0.0
        try:
            while True:
                self._sample()
                if time.monotonic() - looked >= ACTIVITY_STEP_S and self.journal.began is not None:
                    looked = time.monotonic()
                    self.activity.look(self._replica.shares, self._codes())
                await asyncio.sleep(STEP_S)
        finally:
            asking.cancel()
            with suppress(asyncio.CancelledError):
                await asking

    def _codes(self) -> int:
        return self._replica.model.codebook.n_codes if self._replica.model else 0

    def _active(self, records: Sequence[Record]) -> None:
        for record in records[-USERS:]:
            user = (record.key or b"").decode(errors="replace")
            self.users[user] = None
            self.users.move_to_end(user)
        while len(self.users) > USERS:
            self.users.popitem(last=False)

    def _sample(self) -> None:
        readiness = self._observer.readiness()
        progress = {"lag": float(sum(topic.lag for topic in readiness.topics)), "silent_s": readiness.silent_s}
        if not readiness.ready:  # the rest is half of something
            self.timeline.add(now_ms(), progress)
            return
        if self.journal.began is None:
            self.journal.begin()
        stats = self._observer.stats()
        answers, p50_ms, p99_ms = self.answers.take()
        measured = self.prequential
        model = self._replica.model is not None
        self.timeline.add(
            now_ms(),
            progress
            | {
                "exposures": stats.exposures,
                "learnt": stats.clock if model else None,
                "backlog": self.backlog.records,
                "version_age_s": readiness.version_age_s,
                "items": stats.items,
                "users": stats.users,
                "codes": stats.codes,
                "codes_used": stats.codes_used,
                "perplexity": stats.perplexity,
                "filed": self.journal.filed,
                "moved": self.journal.moved,
                "answers": answers,
                "p50_ms": p50_ms,
                "p99_ms": p99_ms,
                "judged": measured.judged,
                "hits_10": measured.hits[SHORT],
                "hits_100": measured.hits[K],
                "popular_10": measured.popular[SHORT],
                "popular_100": measured.popular[K],
            },
        )
