from collections import Counter
from itertools import pairwise

from infra.chaos.faults import FAULTS
from infra.chaos.plan import ALONE_GAP_S, RECOVERY_S, make_plan

MEMBERS = {
    "trainer": ["trainer"],
    "indexer": ["indexer-0", "indexer-1"],
    "server": ["server-0", "server-1"],
    "broker": ["broker"],
}
KINDS = [*FAULTS.values()]


def test_a_seed_is_a_plan() -> None:
    assert make_plan(7, 600, KINDS, MEMBERS) == make_plan(7, 600, KINDS, MEMBERS)
    assert make_plan(7, 600, KINDS, MEMBERS) != make_plan(8, 600, KINDS, MEMBERS)


def test_ten_minutes_hold_sixty_faults_of_every_kind_alone_and_together() -> None:
    plan = make_plan(0, 600, KINDS, MEMBERS)
    assert len(plan) >= 60
    assert {blow.kind for blow in plan} == FAULTS.keys()
    assert {blow.alone for blow in plan} == {True, False}
    assert [blow.at_s for blow in plan] == sorted(blow.at_s for blow in plan)
    assert plan[-1].at_s <= 600 - RECOVERY_S
    for blow in plan:
        least, most = FAULTS[blow.kind].lasts_s
        assert least <= blow.length_s <= most
        assert blow.target.partition("-")[0] in FAULTS[blow.kind].targets


def test_kinds_come_equally_often_where_they_overlap() -> None:
    together = [blow for blow in make_plan(3, 6000, KINDS, MEMBERS) if not blow.alone]
    cards = sum(len(fault.targets) for fault in KINDS)
    counts = Counter(blow.kind for blow in together)
    for fault in KINDS:
        expected = len(together) * len(fault.targets) / cards
        assert abs(counts[fault.kind] - expected) <= len(fault.targets)


def test_nothing_to_inflict_is_an_empty_plan() -> None:
    assert make_plan(0, 600, [], MEMBERS) == []


def test_alone_means_that_each_has_the_time_to_recover() -> None:
    plan = make_plan(0, 240, [FAULTS["kill"]], MEMBERS, alone=True)
    assert all(blow.alone for blow in plan)
    assert all(after.at_s - before.at_s == ALONE_GAP_S for before, after in pairwise(plan))
    assert {blow.target.partition("-")[0] for blow in plan} == set(FAULTS["kill"].targets)
    assert plan[-1].at_s <= 240 - RECOVERY_S
