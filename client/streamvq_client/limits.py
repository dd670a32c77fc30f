"""How large anything may be that applications publish; `docs/input.md` lists it."""

from dataclasses import dataclass

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class EventLimits:
    """Limits of the events that applications publish; what is beyond goes to the dead letters.

    Attributes:
        value_bytes: a record's value.
        events: exposures in one record. Each one that cannot be taken becomes a dead letter of its own.
        id_bytes: an id in UTF-8. Ids are part of Kafka keys.
        text_length: characters of a text feature. Its values become ids of embedding rows.
        list_length: values of one feature.
        features: features of one user, item or context, labels of one exposure, attributes of one item.
        depth: nesting of an item's attributes.
        values: values in an item's attributes, those inside others included. Every server holds them in memory.
        number: size of a feature or label, the largest 32-bit float: the model computes in those.
        oldest_ms: 1990-01-01. Replays of old events are fine, seconds instead of milliseconds are not.
        ahead_ms: how far an event may lie in the future: clocks differ, and time zones are forgotten.
    """

    value_bytes: int = 1 << 20
    events: int = 10_000
    id_bytes: int = 256
    text_length: int = 1024
    list_length: int = 256
    features: int = 256
    depth: int = 8
    values: int = 4096
    number: float = 3.4028234e38
    oldest_ms: int = 631_152_000_000
    ahead_ms: int = DAY_MS


LIMITS = EventLimits()
