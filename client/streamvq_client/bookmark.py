"""Where a reader was, for another one to go on from there."""

import time
from collections.abc import Mapping

import msgspec

from streamvq_client.errors import ReadAgainError
from streamvq_client.lives import Life
from streamvq_client.progress import Place


class Bookmark(msgspec.Struct, frozen=True):
    """From `ChangelogReader.bookmark`; as JSON (`msgspec.json`) it can be kept beside what was read.

    Attributes:
        offsets: topic -> partition -> next offset to read.
        ids: topic -> Kafka's id of it, where the broker tells.
        at: all that was written before has been read, seconds since 1970.
    """

    offsets: dict[str, dict[int, int]]
    ids: dict[str, str]
    at: float

    def check(self, places: Mapping[Place, tuple[int, int]], lives: Mapping[str, Life]) -> None:
        """Raise ReadAgainError unless reading on from here gives the whole truth; `places` with their first and last.

        Whoever was away for too long may go on where nothing was written since.
        """
        for topic, offsets in self.offsets.items():
            if topic not in lives:
                continue
            if lives[topic].other(self.ids.get(topic, "")):
                raise ReadAgainError(f"{topic} was deleted and created anew")
            for partition, offset in offsets.items():
                if (topic, partition) not in places:
                    raise ReadAgainError(f"there is no partition {partition} of {topic}: created anew")
                begin, end = places[topic, partition]
                if not begin <= offset <= end:
                    there = f"{topic}[{partition}] holds {begin}..{end}"
                    raise ReadAgainError(f"{there}, not {offset}: truncated or created anew")
                away_s = time.time() - self.at
                if offset < end and away_s > lives[topic].away_s:
                    raise ReadAgainError(f"{topic} was read {away_s:.0f} s ago: deletions since then may be forgotten")
