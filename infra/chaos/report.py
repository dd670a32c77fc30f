"""The run in numbers: one JSON object, and a table for people."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from infra.chaos.checks import CHECKS, Finding, counted_exposures
from infra.chaos.options import Options
from infra.chaos.outages import Movement
from infra.chaos.plan import ALONE_GAP_S
from infra.chaos.run import Outcome
from infra.chaos.watch import Watch
from schemas.topics import Topics

HARMS = ("lost", "duplicates", "disagreements", "stuck")
# What the product promises with default settings, from kill -9 until the role processes again.
PROMISED_S = {"kill trainer": 15.0, "kill indexer": 12.0}
LINES = 30


def report(
    options: Options,
    outcome: Outcome,
    findings: Sequence[Finding],
    skipped: Mapping[str, str],
    restarts: Mapping[str, int],
) -> dict[str, Any]:
    """Everything as one JSON object."""
    evidence, ledger, storm = outcome.evidence, outcome.load.ledger, outcome.storm
    harm = Counter[str]()
    for finding in findings:
        harm[finding.harm] += finding.count
    return {
        "seed": options.seed,
        "minutes": options.minutes,
        "events": evidence.published.events,
        "counted": counted_exposures(evidence),
        "faults": dict(sorted(storm.counts.items())),
        "faults_total": storm.counts.total(),
        "missed": storm.missed,
        "skipped": dict(skipped),
        "longest_outage_s": round(longest_outage(outcome.watch, outcome.seconds), 1),
        "outages_s": outages(outcome, evidence.topics),
        **{name: harm[name] for name in HARMS},
        "findings": [str(finding) for finding in findings],
        "records": sum(len(marks) for marks in evidence.published.marks.values()),
        "aborted": ledger.aborted,
        "in_doubt": ledger.doubtful.total(),
        "poisoned": len(evidence.published.refused),
        "dead_letters": len(evidence.tables.letters),
        "items": len(evidence.tables.index),
        "users": len(evidence.tables.histories),
        "restarts": dict(restarts),
        "events_per_s": round(evidence.published.events / outcome.seconds),
    }


def longest_outage(watch: Watch, seconds: float) -> float:
    """The longest time that any part stood still while there was work, with any number of faults at once."""
    return max((movement.longest(seconds) for movement in watch.movements.values()), default=0.0)


def outages(outcome: Outcome, topics: Topics) -> dict[str, list[float]]:
    """Seconds from each fault that came alone until all of its role processed again: `kind role` -> one each."""
    found: dict[str, list[float]] = {}
    for at, blow in outcome.storm.struck:
        if blow.alone:
            role = blow.target.partition("-")[0]
            still = max(
                (m.still(at, at + ALONE_GAP_S) for m in _of(outcome.watch, topics, role, blow.target)), default=0
            )
            found.setdefault(f"{blow.kind} {role}", []).append(round(still, 1))
    return dict(sorted(found.items()))


def _of(watch: Watch, topics: Topics, role: str, target: str) -> list[Movement]:
    """What moves when this role works; all there is for the broker."""
    if role == "trainer":
        return watch.of_group(topics.trainer_app)
    if role == "indexer":
        return watch.of_group(topics.indexer_app)
    return [watch.movements[target]] if target in watch.movements else list(watch.movements.values())


def table(figures: Mapping[str, Any]) -> Table:
    """The report for people."""
    shown = Table(show_header=False, box=None, pad_edge=False)
    faults = ", ".join(f"{count} {kind}" for kind, count in figures["faults"].items())
    shown.add_row("seed", f"{figures['seed']}, {figures['minutes']:g} minutes")
    shown.add_row("exposures", f"{figures['events']:,} published, {figures['counted']:,} counted")
    shown.add_row("faults", f"{figures['faults_total']}: {faults}")
    for kind, reason in figures["skipped"].items():
        shown.add_row("", f"skipped {kind}: {reason}")
    shown.add_row("dead letters", f"{figures['dead_letters']:,} of {figures['poisoned']:,} that could not be taken")
    shown.add_row("longest outage", f"{figures['longest_outage_s']:g} s, any number of faults at once")
    for name, seconds in figures["outages_s"].items():
        promised = f", promised {PROMISED_S[name]:g} s" if name in PROMISED_S else ""
        shown.add_row("", f"{name}, alone: {max(seconds):g} s at most of {len(seconds)}{promised}")
    for name in HARMS:
        shown.add_row(name, f"{figures[name]:,}")
    for finding in figures["findings"][:LINES]:
        shown.add_row("", finding)
    shown.add_row("checks", f"{len(CHECKS)} passed" if not figures["findings"] else "failed")
    return shown
