"""Nothing has become many times slower: ratios of what is measured in turn, with margins that noise does not cross."""

from itertools import cycle

import faiss
import numpy as np
import torch

from benchmarks.speed.assign import unit
from benchmarks.speed.bare_torch import BareTwoTowers, Shapes
from benchmarks.speed.made_index import MadeIndex
from benchmarks.speed.retrieve import candidates
from benchmarks.speed.timing import THREAD, Work, in_turn
from infra.speed.core import Core
from pipeline.assignment import assign

TURNS = 5


def _ratio(ours: Work, theirs: Work) -> float:
    """The best of a few turns, by processor time."""
    seconds = in_turn({"ours": ours, "theirs": theirs}, TURNS, THREAD)
    return float(np.max(seconds["theirs"] / seconds["ours"]))


def test_assignment_keeps_up_with_faiss() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    rng = np.random.default_rng(0)
    codes_kd, vectors_nd = unit(rng, 4096), unit(rng, 1024)
    factors_k, present_n = np.ones(4096, np.float32), np.full(1024, -1, np.int32)
    flat = faiss.IndexFlatL2(codes_kd.shape[1])
    flat.add(codes_kd)
    ratio = _ratio(lambda: assign(vectors_nd, codes_kd, factors_k, present_n, 0.02), lambda: flat.search(vectors_nd, 1))
    torch.set_num_threads(threads)
    faiss.omp_set_num_threads(threads)
    assert ratio > 0.6, ratio  # measured: 1.8 to 3.9


def test_the_merge_is_many_times_faster_than_a_scan() -> None:
    index = MadeIndex(100_000, 1024, vectors=True)
    users = cycle(index.users(16))
    ratio = _ratio(lambda: candidates(index, next(users), 1000), lambda: index.vectors_nd @ next(users))
    assert ratio > 2, ratio


def test_a_step_is_not_many_times_slower_than_bare_torch() -> None:
    core = Core(users=2_000, items=5_000)
    core.run(core.records(6))
    steps = iter([core.records(3) for _ in range(TURNS + 1)])
    bare = BareTwoTowers(Shapes(1024, 1280, (2_000, 8, 24), (5_000, 117), 20))
    batches = bare.batches(3)
    ratio = _ratio(lambda: core.run(next(steps)), lambda: bare.run(batches))
    assert ratio > 0.15, ratio  # measured: .5
