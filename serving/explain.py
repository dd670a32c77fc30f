"""How items got into an answer."""

from pipeline.arrays import Longs
from schemas.http import Explanation, Found, TaskScore
from serving.pool import Pool
from serving.replica import Replica
from serving.stream_time import now_ms


def explain(replica: Replica, found: list[Found], pool: Pool, chosen_k: Longs) -> list[Found]:
    """The same items, each with its way through index and ranker; `chosen_k` are their places among the candidates."""
    model, index = replica.model, replica.items.index
    candidates, ranked, weights_t = pool
    now = now_ms()
    names = [task.name for task in model.config.tasks] if model else ["popularity"]
    match_tn, shift = ranked.match_tn, _shift(replica)
    merged = zip(candidates.merged_m.tolist(), candidates.coarse_m.tolist(), strict=True)
    by_index = {row: (position, coarse - shift) for position, (row, coarse) in enumerate(merged)}
    explained = []
    for item, place in zip(found, chosen_k.tolist(), strict=True):
        parts = {
            name: TaskScore(
                weight=float(weights_t[t]),
                match=float(match_tn[t, place]),
                bias=float(ranked.bias_tn[t, place]),
                popularity=float(ranked.prior_n[place]),
                repeat=float(ranked.repeat_tn[t, place]),
            )
            for t, name in enumerate(names)
        }
        row = int(candidates.rows_n[place])
        position, coarse = by_index.get(row, (None, None))
        explanation = Explanation(
            cluster=int(index.cluster_n[row]),
            coarse_score=coarse,
            coarse_position=position,
            fine_score=item.score,
            tasks=parts,
            version=int(index.version_n[row]),
            published=replica.items.published_at(row),
            age_s=(now - int(index.time_n[row])) / 1000,
        )
        explained.append(Found(item.id, item.score, item.attributes, explanation))
    return explained


def _shift(replica: Replica) -> float:
    """Posting keys hold L, scores log p: the same for all items, so only what people read needs it."""
    model = replica.model
    return 0.0 if model is None else model.config.gamma * float(model.log_mass_h[model.active_half_life])
