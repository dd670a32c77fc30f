"""An item that nobody was shown scores as one published now does, however long ago it was published."""

from dataclasses import dataclass

import numpy as np
import pytest
from msgspec import structs
from streamvq_client.rows import ItemIndexRow, encode

from schemas.http import Query
from schemas.topics import Topics
from serving.replica import Replica
from serving.retrieve import Breadth, retrieve
from tests.serving import brute_force
from tests.serving.test_retrieve import WIDE, ids
from tests.serving.world import World, as_records

QUERY = Query(user_id="u3", k=20)
IN_ORDER = Breadth(k=20, floor=20, fraction=1e-9, limit=20, chunk=1)


@dataclass
class Long:
    """A replica that read all rows early on; of later versions only the rows of items exposed since came."""

    world: World
    replica: Replica
    index: dict[str, ItemIndexRow]
    never: list[str]

    def goes_on(self, steps: int) -> None:
        before = self.world.exposures.copy()
        self.world.train(steps)
        self.replica.activate(*self.world.version())
        shown = list(self.world.exposures - before)
        self.index |= self.world.index_rows(shown)
        self.replica.apply(as_records([*self.world.index_records(shown), *self.world.history_records()]))


@pytest.fixture
def long(request: pytest.FixtureRequest) -> Long:
    """`param`: what rows of items never exposed say of popularity, as some of earlier indexers do."""
    world = World(Topics("t"), items=2000)
    world.train(10)
    replica, index = Replica(world.topics), {}
    replica.activate(*world.version())
    written = getattr(request, "param", [])
    for name, row in world.index_rows().items():
        popularity = row.popularity if row.exposures else written
        index[name] = structs.replace(row, popularity=popularity)
    topic = world.topics.item_index_changelog
    rows = [(topic, name.encode(), encode(row)) for name, row in index.items()]
    replica.apply(as_records([*world.item_records(), *rows]))
    found = Long(world, replica, index, [])
    for _ in range(3):
        found.goes_on(10)
    found.never = [name for name in world.names if not world.exposures[name]]
    assert 200 < len(found.never) < 1900
    return found


@pytest.mark.parametrize("long", [[], [0.7] * 4], indirect=True, ids=["empty", "of an earlier indexer"])
def test_it_counts_as_the_trainer_counts_it(long: Long) -> None:
    learner, items = long.world.learner, long.replica.items
    slots = np.array([items.find(name) for name in long.never])
    served = items.popularity(slots)
    assert served == pytest.approx(learner.popularity(long.never)[:, learner.model.active_half_life])
    [answer] = retrieve(long.replica, [QUERY.model_copy(update={"exact": True, "k": 2000})], WIDE)
    scores = brute_force.all_scores(long.world.twin, QUERY, long.world.past(QUERY), long.world.rows, long.index)
    found = {item.id: item.score for item in answer.items}
    assert [found[name] for name in long.world.names] == pytest.approx(
        [scores[name] for name in long.world.names], abs=1e-3
    )


def test_the_merge_finds_it_where_it_now_belongs(long: Long) -> None:
    model, postings = long.world.twin, long.replica.items.postings
    initial = model.config.gamma * model.initial_popularity()[model.active_half_life]
    for name in long.never:
        slot = long.replica.items.find(name)
        assert postings.key_nt[slot] == pytest.approx(np.array(long.index[name].bias) + initial, abs=1e-4)
    task = Query(user_id="u3", k=20, tasks={"click": 1.0}, explain=True)
    past = long.world.past(task)
    coarse = brute_force.coarse_scores(long.world.twin, task, past, 0, long.index)
    [answer] = retrieve(long.replica, [task], IN_ORDER)
    merged = {item.id for item in answer.items if item.explanation and item.explanation.coarse_position is not None}
    liked = set(ids(answer)) - merged
    assert merged == set(brute_force.best(coarse, len(merged)))
    assert len(liked) <= 8


def test_once_exposed_its_own_count_is_what_counts(long: Long) -> None:
    world, name = long.world, long.never[0]
    before = long.replica.items.popularity(np.array([long.replica.items.find(name)]))
    while not world.exposures[name]:
        long.goes_on(20)
    after = long.replica.items.popularity(np.array([long.replica.items.find(name)]))
    assert after == pytest.approx(world.learner.popularity([name])[:, world.learner.model.active_half_life])
    assert after > before
