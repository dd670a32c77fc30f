"""The best hundred by merge and ranking, beside inverted files and a graph at the same recall."""

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle
from typing import Any, Final

import faiss
import numpy as np
import torch

from benchmarks.speed.conditions import Conditions
from benchmarks.speed.figures import Figure, times
from benchmarks.speed.made_index import MadeIndex
from benchmarks.speed.timing import THREAD, in_turn
from pipeline.arrays import AnyArray, Floats
from pipeline.merge import chunk_for, merge

K: Final = 100
WIDTH: Final = 5_000
LISTS: Final = 4_096
TRAINED_ON: Final = 160_000
ROUNDS: Final = 4
NEIGHBOURS: Final = 16
QUESTIONS: Final = 64
SETTINGS_TRIED: Final = [1 << power for power in range(13)]

Search = Callable[[Floats], AnyArray]


def answers(index: MadeIndex, conditions: Conditions) -> Iterator[Figure]:
    """Ours beside faiss IVF, and HNSW in the full form, whose build takes minutes."""
    users_qd = index.users(QUESTIONS)
    exact = [_exact(index, user_d) for user_d in users_qd]

    def ours(user_d: Floats) -> AnyArray:
        return _merged_and_ranked(index, user_d)

    recall = _recall(ours, users_qd, exact)
    rivals = [("ivf", _inverted_files, "nprobe")] + ([] if conditions.quick else [("hnsw", _graph, "efSearch")])
    for name, build, knob in rivals:
        conditions.say(f"building faiss {name} of {index.items:,} items")
        faiss.omp_set_num_threads(os.cpu_count() or 1)  # to build; questions are asked in one thread
        search, turn = build(index)
        faiss.omp_set_num_threads(1)
        setting, reached = _tuned(lambda: _recall(search, users_qd, exact), turn, recall)  # noqa: B023
        yield _figure(name, ours, search, users_qd, conditions, {knob: setting, "recall": recall, "theirs": reached})


def _figure(
    name: str, ours: Search, search: Search, users_qd: Floats, conditions: Conditions, settings: dict[str, Any]
) -> Figure:
    users = cycle(users_qd)
    seconds = in_turn(
        {"ours": lambda: ours(next(users)), "theirs": lambda: search(next(users))}, conditions.repeats(200), THREAD
    )
    return times(
        f"answer_vs_{name}",
        f"best {K} by merge of {WIDTH:,} and ranking, recall@{K} {settings['recall']:.3f}",
        f"faiss {name}, recall@{K} {settings['theirs']:.3f}",
        (seconds["ours"], seconds["theirs"]),
        settings | {"k": K, "candidates": WIDTH, "threads": 1, "clock": "cpu"},
    )


def _exact(index: MadeIndex, user_d: Floats) -> AnyArray:
    scores_n = index.vectors_nd @ user_d + index.bias_n
    return np.argpartition(-scores_n, K)[:K]


def _merged_and_ranked(index: MadeIndex, user_d: Floats) -> AnyArray:
    rows = merge(index.postings, index.cluster_scores(user_d), 0, WIDTH, chunk_for(WIDTH)).rows_n
    scores_n = (torch.from_numpy(index.vectors_nd[rows]) @ torch.from_numpy(user_d)).numpy() + index.bias_n[rows]
    chosen: AnyArray = rows[np.argpartition(-scores_n, K)[:K]]
    return chosen


def _recall(search: Search, users_qd: Floats, exact: Sequence[AnyArray]) -> float:
    found = (np.isin(best, search(user_d)).mean() for user_d, best in zip(users_qd, exact, strict=True))
    return float(np.mean(list(found)))


def _tuned(recall: Callable[[], float], turn: Callable[[int], None], wanted: float) -> tuple[int, float]:
    """The least setting, of powers of two, that reaches the recall, or the last one."""
    setting, reached = 0, 0.0
    for setting in SETTINGS_TRIED:
        turn(setting)
        reached = recall()
        if reached >= wanted:
            break
    return setting, reached


def _of_equal_length(index: MadeIndex) -> Floats:
    """Vector and bias, and what each lacks of the longest: the best score is then the least distance, (N, d + 2).

    Inner products are what inverted files and graphs are bad at (Bachrach et al. 2014).
    """
    scored = np.column_stack((index.vectors_nd, index.bias_n))
    squares = np.square(scored, dtype=np.float64).sum(axis=1)
    return np.column_stack((scored, np.sqrt(squares.max() - squares))).astype(np.float32)


def _searched(found: Any) -> Search:
    end = np.array([1, 0], np.float32)

    def search(user_d: Floats) -> AnyArray:
        rows: AnyArray = found.search(np.concatenate((user_d, end))[None], K)[1][0]
        return rows

    return search


def _inverted_files(index: MadeIndex) -> tuple[Search, Callable[[int], None]]:
    vectors = _of_equal_length(index)
    centroids = faiss.IndexFlatL2(vectors.shape[1])
    lists = faiss.IndexIVFFlat(centroids, vectors.shape[1], LISTS, faiss.METRIC_L2)
    lists.cp.niter = ROUNDS
    lists.train(vectors[:TRAINED_ON])
    lists.add(vectors)

    def turn(nprobe: int, _kept: Any = centroids) -> None:  # the index holds no reference of its own
        lists.nprobe = nprobe

    return _searched(lists), turn


def _graph(index: MadeIndex) -> tuple[Search, Callable[[int], None]]:
    vectors = _of_equal_length(index)
    graph: Any = faiss.IndexHNSWFlat(vectors.shape[1], NEIGHBOURS, faiss.METRIC_L2)
    graph.add(vectors)
    return _searched(graph), lambda breadth: setattr(graph.hnsw, "efSearch", breadth)
