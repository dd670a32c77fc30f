"""What each role may do in Kafka, and no more: for brokers that have an authorizer."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal, NamedTuple

from schemas.topics import Topics

Kind = Literal["topic", "group", "transactional-id"]
READ, WRITE, ALL = "Read", "Write", "All"


class Acl(NamedTuple):
    """Operations on one resource; `prefixed`: on all whose names begin so."""

    kind: Kind
    name: str
    operations: tuple[str, ...]
    prefixed: bool = False


def _see(topics: Topics) -> Acl:
    """Every process checks all topics at its start, and reads in their configuration how long deletions live."""
    return Acl("topic", f"{topics.prefix}-", ("Describe", "DescribeConfigs"), prefixed=True)


def _trainer(topics: Topics) -> Iterator[Acl]:
    yield _see(topics)
    yield Acl("topic", topics.exposures, (READ,))
    yield Acl("topic", topics.trainer_lock, (READ,))
    for own in (topics.parameters, topics.trainer_state, topics.histories_changelog):
        yield Acl("topic", own, (READ, WRITE))
    for followed in (topics.items_changelog, topics.clusters_changelog):
        yield Acl("topic", followed, (READ,))
    for written in (topics.assignments, topics.dead_letters):
        yield Acl("topic", written, (WRITE,))
    for group in (topics.trainer_app, topics.trainer_lock):
        yield Acl("group", group, (READ,))
    yield Acl("transactional-id", topics.trainer_app, (WRITE,))


def _indexer(topics: Topics) -> Iterator[Acl]:
    yield _see(topics)
    # It sends on what came to another partition than the item's home.
    for source in (topics.candidates, topics.assignments):
        yield Acl("topic", source, (READ, WRITE))
    for own in (topics.items_changelog, topics.item_index_changelog, topics.clusters_changelog):
        yield Acl("topic", own, (READ, WRITE))
    yield Acl("topic", topics.parameters, (READ,))
    yield Acl("topic", topics.dead_letters, (WRITE,))
    yield Acl("group", topics.indexer_app, (READ,))
    yield Acl("transactional-id", f"{topics.indexer_app}-", (WRITE,), prefixed=True)


def _server(topics: Topics) -> Iterator[Acl]:
    yield _see(topics)
    yield Acl("topic", topics.parameters, (READ,))
    yield from _tables(topics)
    yield Acl("topic", topics.dead_letters, (READ,))
    yield from _application(topics)


def _application(topics: Topics) -> Iterator[Acl]:
    for stream in (topics.exposures, topics.candidates):
        yield Acl("topic", stream, (WRITE,))


def _reader(topics: Topics) -> Iterator[Acl]:
    yield _see(topics)
    yield from _tables(topics)


def _tables(topics: Topics) -> Iterator[Acl]:
    for followed in (
        topics.items_changelog,
        topics.item_index_changelog,
        topics.clusters_changelog,
        topics.histories_changelog,
    ):
        yield Acl("topic", followed, (READ,))


def _operator(topics: Topics) -> Iterator[Acl]:
    for kind in KINDS:
        yield Acl(kind, f"{topics.prefix}-", (ALL,), prefixed=True)


KINDS: Final[tuple[Kind, ...]] = ("topic", "group", "transactional-id")
ROLES: Final[dict[str, tuple[str, Callable[[Topics], Iterator[Acl]]]]] = {
    "application": ("publishes exposures and candidates", _application),
    "trainer": ("`svq trainer`", _trainer),
    "indexer": ("`svq indexer`", _indexer),
    "server": ("`svq server`, which also publishes what comes over HTTP", _server),
    "reader": ("programs that follow the index with `streamvq_client`", _reader),
    "operator": ("`svq topics`, `svq migrate` and every other command", _operator),
}
"""By role: what it is, and what it may do."""


def acls(topics: Topics, role: str) -> list[Acl]:
    """What one role may do."""
    return list(ROLES[role][1](topics))


def kafka_acls(found: Sequence[Acl], principal: str) -> Iterator[str]:
    """Commands for Kafka's own tool, which want `--bootstrap-server` and a login beside."""
    for acl in found:
        words = ["kafka-acls.sh", "--add", "--allow-principal", principal]
        words += [word for operation in acl.operations for word in ("--operation", operation)]
        words += [f"--{acl.kind}", acl.name]
        words += ["--resource-pattern-type", "prefixed"] if acl.prefixed else []
        yield shlex.join(words)
