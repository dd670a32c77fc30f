"""The stream is what it says: the decoders refuse the poison, all of it, and nothing else."""

from collections import Counter
from itertools import islice

from streamvq_client.partitioner import partition_of
from streamvq_client.record import Record

from infra.chaos.events import ITEMS, UNPUBLISHED, Events, Sent
from infra.chaos.ledger import Ledger
from infra.chaos.published import Folding
from schemas.commit import Commit
from schemas.exposures import decode_exposures

NOW, PARTITIONS = 1_700_000_000_000, 4
NOTHING_LEARNT = Commit(version=1, clock=0, offsets={}, config_hash="", time_ms=NOW)


def stream(seed: int) -> list[Sent]:
    """Some thousand records of both kinds."""
    events = Events(seed, PARTITIONS, "exposures", "candidates")
    kinds = [events.exposures, events.candidate]
    return [*events.catalogue(NOW), *islice((kinds[n % 2](NOW) for n in range(10**9)), 6000)]


def test_a_seed_is_a_stream() -> None:
    assert stream(3) == stream(3)
    assert stream(3) != stream(4)


def test_exactly_the_poison_is_refused() -> None:
    ledger, folding = Ledger(), Folding({"click"}, PARTITIONS, 10, NOTHING_LEARNT)
    offsets: Counter[tuple[str, int]] = Counter()
    for sent in stream(5):
        place = (sent.topic, sent.partition)
        ledger.acknowledge(sent, offsets[place], exposures=sent.topic == "exposures")
        record = Record(*place, offsets[place], NOW, sent.key, sent.value)
        (folding.exposures if sent.topic == "exposures" else folding.candidate)(record)
        offsets[place] += 1
    published = folding.published()
    assert published.refused == ledger.poison
    assert published.events == ledger.events
    assert 0.005 < len({place[:3] for place in ledger.poison}) / offsets.total() < 0.02
    assert published.sent_home
    assert 0 < len(published.ever_deleted) < ITEMS
    assert 0 < len(published.of_item.keys() - published.last.keys()) <= UNPUBLISHED


def test_every_user_has_one_partition() -> None:
    for sent in stream(6):
        if sent.topic == "exposures":
            exposures, _ = decode_exposures(sent.value, sent.key, NOW, {"click"})
            assert {partition_of(one.user_id.encode(), PARTITIONS) for one in exposures} <= {sent.partition}
