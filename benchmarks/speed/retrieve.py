"""Candidates of a query: the merge over posting lists that change meanwhile, beside an exact scan of all vectors."""

from collections.abc import Iterator
from itertools import cycle
from typing import Final

import faiss
import torch

from benchmarks.speed.answers import answers
from benchmarks.speed.conditions import Conditions
from benchmarks.speed.figures import Figure, times
from benchmarks.speed.made_index import MadeIndex
from benchmarks.speed.timing import THREAD, in_turn
from pipeline.arrays import Floats, Ints
from pipeline.merge import chunk_for, merge

WIDTHS: Final = (500, 5_000, 50_000)
CODES: Final = (16_384, 32_768)
MOVED: Final = 500
"""Items that change between two queries: 50,000 a second at a hundred queries a second."""
MILLION: Final = 1_000_000
USERS: Final = 64


def measure(conditions: Conditions) -> list[Figure]:
    """From 1 M items, then from 10 M; one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    try:
        return list(_figures(conditions))
    finally:
        torch.set_num_threads(threads)
        faiss.omp_set_num_threads(threads)


def _figures(conditions: Conditions) -> Iterator[Figure]:
    repeats = conditions.repeats(150)
    wide = MadeIndex(MILLION, CODES[1], vectors=True)
    for width in WIDTHS:
        yield _figure(wide, wide, width, repeats, f"merge_{width}_of_1m_{CODES[1]}_codes_vs_exact")
    del wide
    million = MadeIndex(MILLION, CODES[0], vectors=True)
    for width in WIDTHS:
        yield _figure(million, million, width, repeats, f"merge_{width}_of_1m_vs_exact")
    ten = MadeIndex(10 * MILLION, CODES[0], vectors=False)
    for width in WIDTHS:
        yield _figure(ten, million, width, repeats, f"merge_{width}_of_10m_vs_exact")
    del ten
    yield from answers(million, conditions)


def _figure(index: MadeIndex, scanned: MadeIndex, width: int, repeats: int, name: str) -> Figure:
    """`scanned` may be a part of the index: the scan of all takes as many times as long."""
    users, times_as_many = cycle(index.users(USERS)), index.items / scanned.items
    user_d = next(users)

    def prepare() -> None:
        nonlocal user_d
        user_d = next(users)
        index.move(MOVED)

    seconds = in_turn(
        {"merge": lambda: candidates(index, user_d, width), "scan": lambda: _scan(scanned, user_d, width)},
        repeats,
        THREAD,
        before=prepare,
    )
    return times(
        name,
        f"{width:,} candidates of {index.items:,} items, {len(index.codes_kd):,} codes",
        "exact scan of all vectors" if times_as_many == 1 else f"exact scan of a {times_as_many:g}th, as many times",
        (seconds["merge"], times_as_many * seconds["scan"]),
        {"items": index.items, "codes": len(index.codes_kd), "moved": MOVED, "threads": 1, "clock": "cpu"},
    )


def candidates(index: MadeIndex, user_d: Floats, width: int) -> Ints:
    """Rows by cluster score + key, as a server finds them."""
    return merge(index.postings, index.cluster_scores(user_d), 0, width, chunk_for(width)).rows_n


def _scan(index: MadeIndex, user_d: Floats, width: int) -> torch.Tensor:
    scores_n = torch.from_numpy(index.vectors_nd) @ torch.from_numpy(user_d) + torch.from_numpy(index.bias_n)
    return scores_n.topk(width, sorted=False).indices
