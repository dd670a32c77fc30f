"""The made-up shop: of constant size, the same for the same seed, and nothing it says is refused."""

import pytest

from infra.load.world import MOST_LINES, TASK, World
from schemas.events import Candidate, decode_candidate, decode_exposures

NOW, SEED = 1_700_000_000_000, 3
USERS, ITEMS, IDS = 40, 25, 30


def world(seed: int = SEED) -> World:
    return World(USERS, ITEMS, IDS, seed)


def test_a_seed_is_a_world() -> None:
    visits = [[shop.visit(NOW) for _ in range(20)] for shop in (world(), world(), world(SEED + 1))]
    assert visits[0] == visits[1] != visits[2]


def test_every_event_is_taken_and_is_of_what_is_on_offer() -> None:
    shop = world()
    for lines in [None] * 50 + [MOST_LINES] * 50:
        visit = shop.visit(NOW, lines)
        taken, rejected = decode_exposures(visit.value, visit.user_id.encode(), NOW, {TASK})
        assert (len(taken), rejected) == (visit.lines, [])
        assert {one.user_id for one in taken} == {visit.user_id}
        assert {one.item_id for one in taken} <= {shop.item_id(number) for number in shop.on_offer}
        shop.turn()


def test_the_shop_keeps_its_size_while_items_come_and_go() -> None:
    shop = world()
    offered = {shop.item_id(number) for number in shop.on_offer}
    ever = set(offered)
    for _ in range(3 * IDS):
        gone, come = shop.turn()
        offered.remove(gone)
        assert come not in offered
        offered.add(come)
        ever.add(come)
        candidate = decode_candidate(come.encode(), shop.candidate(come, NOW), NOW)
        assert isinstance(candidate, Candidate)
        assert offered == {shop.item_id(number) for number in shop.on_offer}
    assert (len(offered), len(ever)) == (ITEMS, IDS)


def test_no_more_can_be_on_offer_than_there_are() -> None:
    with pytest.raises(ValueError, match="31 items cannot be on offer out of 30"):
        World(USERS, IDS + 1, IDS, SEED)
