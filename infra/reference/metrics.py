"""Every Prometheus metric, by process."""

from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry

from infra.reference.page import begin, code, table
from infra.reference.registries import registries

ABOUT = """At `/metrics` of each process: a server's port, `metrics_port` of trainer and indexer (unset by default).
Labels are bounded: none ever holds an id of a user or an item. [Monitoring](../monitoring.md) says what to watch,
[the runbook](../runbook.md) what wakes somebody."""

SUFFIXES = {"counter": "_total", "info": "_info"}
LABELS = {
    "agent": "`candidates` or `assignments`",
    "outcome": "`acknowledged`, `rejected` or `unacknowledged`, as in [answers](../publishing.md#what-an-answer-means)",
    "part": "`aux` (loss on the item vector) or `ind` (loss on its code)",
    "partition": "number of a partition that this process holds",
    "reason": "a reason of the [dead letters](errors.md#dead-letters)",
    "rests_on": "what an answer rests on: a value of `rests_on` in [Answer](http.md#answer)",
    "result": "what became of it: a few words that the code holds",
    "route": "pattern of the path, as in [HTTP endpoints](http.md); `none` for what is no path",
    "status": "HTTP status",
    "stream": "`exposures` or `candidates`",
    "topic": "one of the retriever's topics",
    "what": "what must move, or what was taken: a few words that the code holds, or a topic and its partition",
    "role": "`trainer`, `indexer` or `server`",
    "version": "of streamvq",
}


class Described(NamedTuple):
    """One metric: the name that is queried, its type, labels, and help."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


def page() -> Iterator[str]:
    """The page."""
    yield from begin("Metrics", ABOUT)
    for role in registries():
        rows = [(code(one.name), one.kind, ", ".join(map(code, one.labels)), one.text) for one in metrics(role)]
        yield from (f"## {role.capitalize()}", "")
        yield from table(("metric", "type", "labels", "what"), rows)
    used = {label for role in registries() for one in metrics(role) for label in one.labels}
    yield from ("## Labels", "")
    yield from table(("label", "values"), [(code(name), LABELS[name]) for name in sorted(used)])


def metrics(role: str) -> list[Described]:
    """Those of one process by name; a histogram's name ends in `_bucket`, `_sum` or `_count` when it is queried."""
    return sorted(_described(registries()[role]))


def _described(registry: CollectorRegistry) -> Iterator[Described]:
    for collector in list(registry._collector_to_names):  # noqa: SLF001 - metrics without a value yet are told by nobody else
        for family in collector.collect():
            labels = tuple(getattr(collector, "_labelnames", None) or getattr(family, "_labelnames", None) or ())
            if family.type == "info":
                labels = tuple(sorted(family.samples[0].labels))
            yield Described(family.name + SUFFIXES.get(family.type, ""), family.type, labels, family.documentation)
