"""Ways from cluster scores to candidates, over the same index at the same moments."""

import time
from collections.abc import Mapping
from typing import Final

import numpy as np

from benchmarks.arms.base import Answer, Moment, Questions
from benchmarks.arms.exact import Exact
from benchmarks.arms.svq import StreamingVQ
from benchmarks.experiments.bench import Bench, Variant
from benchmarks.experiments.experiment import Measured
from benchmarks.metrics import HEADLINE
from benchmarks.ranks import SHOWN, best_of, best_of_all, ranks_within
from benchmarks.replay import Replay
from pipeline.arrays import Floats, Ints
from pipeline.merge import merge_many

CANDIDATES: Final = 200


class Merges(StreamingVQ):
    """Answers under the name of each way; a way is a chunk of the merge, or 0: take whole lists by cluster score.

    Attributes:
        spent_s: processor seconds by way, without scoring.
        questions: those that the seconds were spent on.
        kept: share of exact search's first 100 that are among the candidates, one number a question looked at.
    """

    def __init__(self, ways: Mapping[str, int]) -> None:
        super().__init__()
        self.ways = ways
        self.spent_s = dict.fromkeys(ways, 0.0)
        self.kept: dict[str, list[float]] = {name: [] for name in ways}
        self.questions = 0
        self._warm = False  # kernels are compiled in the first call

    def answer(self, moment: Moment, questions: Questions) -> Mapping[str, Answer]:
        """By name of the way."""
        self._file(moment)
        clusters, codes = self._cluster_scores(moment), len(moment.codes_kd)
        exact = best_of_all(moment.scorer.all(0, min(SHOWN, len(questions))), questions.seen)
        answers: dict[str, Answer] = {}
        for name, chunk in self.ways.items():
            begin = time.thread_time()
            rows = self._merged(clusters, questions, chunk) if chunk else self._filled(clusters, questions)
            if self._warm:
                self.spent_s[name] += time.thread_time() - begin
            scores = moment.scorer.of(0, rows)
            self.kept[name] += [float(np.isin(best, found).mean()) for best, found in zip(exact, rows, strict=False)]
            ranks = ranks_within(rows, scores, questions.target_q, CANDIDATES)
            answers[name] = Answer(ranks, best_of(rows[:SHOWN], scores[:SHOWN]), float(codes + CANDIDATES))
        self.questions += len(questions) if self._warm else 0
        self._warm = True
        return answers

    def _merged(self, clusters_qk: Floats, questions: Questions, chunk: int) -> Ints:
        seen = questions.seen
        return merge_many(
            self._postings, clusters_qk, 0, CANDIDATES, chunk,
            excluded_s=seen.items_s, begin_q=seen.begin_q, end_q=seen.end_q,
        )  # fmt: skip

    def _filled(self, clusters_qk: Floats, questions: Questions) -> Ints:
        """The best clusters one after the other, each with all of its items, until there are enough."""
        lists = [self._postings.items_of(cluster - 1) for cluster in range(clusters_qk.shape[1])]
        rows = np.full((len(questions), CANDIDATES), -1, np.int32)
        for question, order in enumerate(np.argsort(-clusters_qk, axis=1, kind="stable")):
            taken, hidden = 0, questions.seen[question]
            for cluster in order.tolist():
                found = lists[cluster][~np.isin(lists[cluster], hidden)][: CANDIDATES - taken]
                rows[question, taken : taken + len(found)] = found
                taken += len(found)
                if taken == CANDIDATES:
                    break
        return rows


def by_way(bench: Bench, variants: Mapping[str, Variant]) -> Measured:
    """One replay for all ways; the option `chunk` says which it is, 0 for filling."""
    set_, config = bench.prepared(Variant())
    merges = Merges({name: int(variant.options["chunk"]) for name, variant in variants.items()})
    replay = Replay(set_, config, {"exact": Exact(), "merges": merges}, sample=bench.sample)
    replay.run()
    found = replay.tally.summary(bench.seed)
    return {name: _numbers(merges, name, found) for name in variants}


def _numbers(merges: Merges, name: str, found: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    numbers = {
        "hit@100": found[name][HEADLINE],
        "/exact": found[name][HEADLINE] / found["exact"][HEADLINE],
        "kept of exact": float(np.mean(merges.kept[name])),
    }
    if merges.ways[name]:  # filling is plain Python: its time would say nothing of the idea
        numbers["µs a question"] = 1e6 * merges.spent_s[name] / max(merges.questions, 1)
    return numbers
