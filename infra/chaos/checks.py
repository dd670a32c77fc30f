"""The six invariants as questions to the evidence: one function each, named as in the report.

A check yields what it finds wrong: which kind of harm, how much of it, and a sentence that names what differs.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from streamvq_client.partitioner import partition_of
from streamvq_client.rows import NO_CLUSTER, HistoryRow, ItemRow

from infra.chaos.evidence import Evidence
from infra.chaos.servers import Answers, different_items
from schemas.events import Candidate

Harm = Literal["lost", "duplicates", "disagreements", "stuck"]
SHOWN = 5
NOTHING = (0, 0)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be."""

    check: str
    harm: Harm
    count: int
    what: str

    def __str__(self) -> str:
        return f"{self.check}: {self.what}"


Found = Iterator[tuple[Harm, int, str]]


def acknowledged_is_there(evidence: Evidence) -> Found:
    """Every acknowledged record is in its topic, at its offset, with its bytes; nothing is there that nobody sent."""
    published, ledger = evidence.published, evidence.ledger
    strange: Counter[int] = Counter()
    for place, there in published.marks.items():
        known = ledger.acknowledged.get(place, {})
        strange.update(mark for offset, mark in there.items() if offset not in known)
    for place, marks in ledger.acknowledged.items():
        there = published.marks.get(place, {})
        if missing := [offset for offset, mark in marks.items() if there.get(offset) != mark]:
            yield "lost", len(missing), f"acknowledged, but not in {place[0]}[{place[1]}]: offsets {_some(missing)}"
    if surplus := (strange - published.sent_home - ledger.doubtful).total():
        yield "duplicates", surplus, f"{surplus} records that were neither acknowledged, in doubt, nor sent home"
    if astray := (published.sent_home - strange).total():
        yield "lost", astray, f"{astray} candidates that came to another partition were not sent home"


def counted_by_the_trainer(evidence: Evidence) -> Found:
    """The committed position is behind the last record, and the model has learnt each exposure once."""
    commit, published = evidence.tables.commit, evidence.published
    taken = published.of_item.total()
    yield from _balance(taken, published.learnt, "exposures lie before the trainer's committed position")
    yield from _balance(taken, commit.clock, "exposures were learnt by the model's clock")


def counted_in_clusters(evidence: Evidence) -> Found:
    """Σ exposures over the clusters + dead exposures = exposures published."""
    counted = counted_exposures(evidence)
    yield from _balance(evidence.published.events, counted, "exposures are in `clusters` or the dead letters")


def counted_by_item(evidence: Evidence) -> Found:
    """An item that was never deleted counts exactly its exposures, and `item_index` says so."""
    held = {item: row.exposures for (_, item), row in evidence.tables.index.items()}
    published = evidence.published
    for item, expected in published.of_item.items():
        if item not in published.ever_deleted:
            yield from _balance(expected, held.get(item, 0), f"exposures of {item} are in its row of `item_index`")


def rows_are_the_last_write(evidence: Evidence) -> Found:
    """`items` is what was published last: the candidate, the mark of a deletion, or a bare row of what was exposed."""
    last, exposed = evidence.published.last, evidence.published.of_item
    rows = {item: row for (_, item), row in evidence.tables.items.items()}
    wrong = [
        item
        for item in last.keys() | rows.keys() | exposed.keys()
        if not _fits(rows.get(item), last.get(item), published=item in last, exposed=item in exposed)
    ]
    if wrong:
        yield "disagreements", len(wrong), f"`items` differs from what was published last: {_some(wrong)}"


def each_row_once_at_home(evidence: Evidence) -> Found:
    """A row has one place, its home partition; `item_index` holds exactly the items that live."""
    for name in ("items", "index", "histories"):
        rows: Mapping[tuple[int, str], object] = getattr(evidence.tables, name)
        away = [key for partition, key in rows if partition_of(key.encode(), evidence.partitions) != partition]
        if away:
            yield "disagreements", len(away), f"`{name}` holds rows away from home: {_some(away)}"
    living = {place for place, row in evidence.tables.items.items() if row.deleted is None}
    if differing := living ^ evidence.tables.index.keys():
        yield "disagreements", len(differing), f"in `items` or in `item_index`, not in both: {_some(differing)}"


def clusters_add_up(evidence: Evidence) -> Found:
    """The items of `clusters` are those that `item_index` files there, partition by partition."""
    filed = Counter(
        (partition, str(row.clusters[0] if row.clusters else NO_CLUSTER))
        for (partition, _), row in evidence.tables.index.items()
    )
    held = {place: row.items for place, row in evidence.tables.clusters.items()}
    wrong = [place for place in filed.keys() | held.keys() if filed[place] != held.get(place, 0)]
    if wrong:
        detail = ", ".join(
            f"cluster {c} of partition {p} {held.get((p, c), 0)}, not {filed[p, c]}" for p, c in wrong[:3]
        )
        yield "disagreements", len(wrong), f"`clusters` says other numbers of items than `item_index`: {detail}"


def one_cut(evidence: Evidence) -> Found:
    """Parameters and stream position are of one moment: the commit's offsets are the group's."""
    commit, offsets = evidence.tables.commit, evidence.tables.offsets
    wrong = [p for p in commit.offsets.keys() | offsets.keys() if commit.offsets.get(p) != offsets.get(p)]
    for partition in sorted(wrong):
        learnt, group = commit.offsets.get(partition), offsets.get(partition)
        yield (
            "disagreements",
            1,
            f"partition {partition}: version {commit.version} is at {learnt}, the group at {group}",
        )


def histories_follow(evidence: Evidence) -> Found:
    """Each history is what replaying the exposures up to the commit gives."""
    published = evidence.published
    held = {user: row for (_, user), row in evidence.tables.histories.items()}
    wanted = {user: HistoryRow(list(state.items), list(state.times)) for user, state in published.histories.items()}
    wrong = [user for user in wanted.keys() | held.keys() if held.get(user) != wanted.get(user)]
    if wrong:
        yield "disagreements", len(wrong), f"`histories` differs from the exposures learnt, for {_some(wrong)}"


def dead_letters_once(evidence: Evidence) -> Found:
    """Everything that cannot be taken is in the dead letters once, and nothing else is."""
    letters, refused = Counter(evidence.tables.letters), evidence.published.refused
    if missing := refused - letters.keys():
        yield "lost", len(missing), f"not in the dead letters: {_some(missing)}"
    if strange := letters.keys() - refused:
        yield "disagreements", len(strange), f"in the dead letters, but could be taken: {_some(strange)}"
    if twice := [place for place, count in letters.items() if count > 1]:
        surplus = sum(letters[place] - 1 for place in twice)
        yield "duplicates", surplus, f"in the dead letters more than once: {_some(twice)}"
    if taken := evidence.ledger.poison - refused:
        yield "disagreements", len(taken), f"poison that the decoders take: {_some(taken)}"


def servers_agree(evidence: Evidence) -> Found:
    """Every server answers what the changelogs hold: items, clusters, and only living items are retrieved."""
    tables = evidence.tables
    totals: dict[int, tuple[int, int]] = {}
    for (_, cluster), row in tables.clusters.items():
        items, exposures = totals.get(int(cluster), (0, 0))
        totals[int(cluster)] = (items + row.items, exposures + row.exposures)
    living = {item for _, item in tables.index}
    for role, answers in evidence.answers.items():
        if answers.unanswered:
            yield "stuck", len(answers.unanswered), f"{role} does not answer: {_some(answers.unanswered)}"
        if wrong := different_items(answers.items, tables.index):
            yield "disagreements", len(wrong), f"{role} holds other rows of {_some(wrong)}"
        clusters = totals.keys() | answers.clusters.keys()
        if other := [c for c in clusters if totals.get(c, NOTHING) != answers.clusters.get(c, NOTHING)]:
            yield "disagreements", len(other), f"{role} holds other numbers of the clusters {_some(other)}"
        if dead := {item for found in answers.retrieved.values() for item in found} - living:
            yield "disagreements", len(dead), f"{role} recommends what is not in the index: {_some(dead)}"
    if evidence.answers:
        yield from _same_answers(evidence.answers)


def nothing_stands_still(evidence: Evidence) -> Found:
    """Every record was taken, every process is up."""
    for what in evidence.still:
        yield "stuck", 1, what


def no_orphans(evidence: Evidence) -> Found:
    """No process is left when everything has ended."""
    for what in evidence.orphans:
        yield "stuck", 1, f"left behind: {what}"


CHECKS: tuple[Callable[[Evidence], Found], ...] = (
    acknowledged_is_there,
    counted_by_the_trainer,
    counted_in_clusters,
    counted_by_item,
    rows_are_the_last_write,
    each_row_once_at_home,
    clusters_add_up,
    one_cut,
    histories_follow,
    dead_letters_once,
    servers_agree,
    nothing_stands_still,
    no_orphans,
)


def findings(evidence: Evidence) -> list[Finding]:
    """Everything that any check finds wrong."""
    return [Finding(check.__name__, *found) for check in CHECKS for found in check(evidence)]


def counted_exposures(evidence: Evidence) -> int:
    """Published exposures that had their effect, one way or the other."""
    dead = sum(topic == evidence.topics.exposures for topic, *_ in evidence.tables.letters)
    return dead + sum(row.exposures for row in evidence.tables.clusters.values())


def _balance(expected: int, actual: int, what: str) -> Found:
    if actual != expected:
        harm: Harm = "lost" if actual < expected else "duplicates"
        yield harm, abs(actual - expected), f"{actual:,} of {expected:,} {what}"


def _fits(row: ItemRow | None, last: Candidate | None, *, published: bool, exposed: bool) -> bool:
    if published and last is not None:
        return row == ItemRow(last.features, last.attributes, last.timestamp)
    if published:
        return row is not None and row.deleted is not None and not row.features
    return row is None if not exposed else row is not None and row.bare and row.deleted is None


def _same_answers(answers: Mapping[str, Answers]) -> Found:
    """Servers of one version and the same rows recommend the same."""
    (first, one), *others = answers.items()
    for role, other in others:
        different = [user for user, found in one.retrieved.items() if other.retrieved[user] != found]
        if one.version != other.version:
            yield "disagreements", 1, f"{first} serves version {one.version}, {role} {other.version}"
        elif different:
            yield "disagreements", len(different), f"{first} and {role} recommend different items to {_some(different)}"


def _some(things: Iterable[object]) -> str:
    """The first few of them, for a message."""
    listed = sorted(things, key=str)
    shown = ", ".join(str(thing) for thing in listed[:SHOWN])
    return shown if len(listed) <= SHOWN else f"{shown} and {len(listed) - SHOWN} more"
