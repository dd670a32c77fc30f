"""What tells whether earlier reading of a topic still holds: is it the same topic, and was the reader away too long?"""

import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import DescribeConfigsRequest

from streamvq_client.topic_ids import topic_ids

TOPIC = 2  # kind of resource in a request for configurations
DEFAULTS = {"cleanup.policy": "compact", "delete.retention.ms": "86400000", "min.compaction.lag.ms": "0"}
# Half of what Kafka grants: so what begins in time also ends in time, and clocks may differ.
SHARE = 0.5
# No reader could be quicker than that for sure.
LEAST_S = 5.0


class Life(NamedTuple):
    """One life of a topic, from its creation to its deletion.

    Attributes:
        id: what Kafka calls it; empty where a broker before 2.8 does not say.
        away_s: how long a reader may be away from its end without missing what compaction then removes for good.
    """

    id: str
    away_s: float

    def other(self, known: str) -> bool:
        """Whether `known`, an id, belongs to another life; an empty one might be any."""
        return bool(known and self.id and known != self.id)


async def topic_lives(connection: Mapping[str, Any], topics: Sequence[str]) -> dict[str, Life]:
    """The present life of each topic.

    Raises:
        KafkaError: no broker answers.
    """
    client = AIOKafkaClient(**connection)
    await client.bootstrap()
    try:
        return await lives_from(client, list(dict.fromkeys(topics)))
    finally:
        await client.close()


async def lives_from(client: AIOKafkaClient, names: list[str]) -> dict[str, Life]:
    """The same from the first broker that answers: one of them may just be restarted."""
    brokers = [broker.nodeId for broker in client.cluster.brokers()] or [client.get_random_node()]
    random.shuffle(brokers)
    for broker in brokers[:-1]:
        with suppress(KafkaError):
            return await _ask(client, broker, names)
    return await _ask(client, brokers[-1], names)


async def _ask(client: AIOKafkaClient, broker: Any, names: list[str]) -> dict[str, Life]:
    ids = await topic_ids(client, broker, names)
    answer = await client.send(broker, DescribeConfigsRequest([(TOPIC, name, list(DEFAULTS)) for name in names]))
    configs = {
        name: {key: value for key, value, *_ in entries} for code, _, _, name, entries in answer.resources if not code
    }
    return {name: Life(ids.get(name, ""), away_s(configs.get(name, {}))) for name in names}


def away_s(config: Mapping[str, str]) -> float:
    """How long a reader of a topic with this configuration may be away; what is not told is taken as Kafka's default.

    A deletion is a record of its own, a tombstone, and compaction removes that too after `delete.retention.ms`. Who
    sleeps longer keeps a row that nobody else has. A topic with `min.compaction.lag.ms` promises more, every record for
    that long, and its readers count on it: a version of the model must be read whole.

    >>> away_s({"cleanup.policy": "compact"}) / 3600
    12.0
    >>> away_s({"cleanup.policy": "compact", "min.compaction.lag.ms": "600000"})
    300.0
    >>> away_s({"cleanup.policy": "delete"})
    inf
    """
    known = DEFAULTS | dict(config)
    if "compact" not in known["cleanup.policy"]:
        return float("inf")
    lag_ms, tombstones_ms = int(known["min.compaction.lag.ms"]), int(known["delete.retention.ms"])
    kept_ms = min(lag_ms, tombstones_ms) if lag_ms else tombstones_ms
    return max(LEAST_S, SHARE * kept_ms / 1000)
