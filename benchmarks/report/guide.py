"""The guide to the settings: what each does, its range, and what another value cost or gave."""

from collections.abc import Mapping
from typing import Any, Final, get_args

from benchmarks.report.comparison import Compared, Stored, compare, streams_of
from benchmarks.report.tables import signed, table
from pipeline.config import ModelConfig, Ranker, Task
from schemas.retriever import ModelSettings

TOWERS, INDEX = "exact", "merge/exact"  # hit@100 of exact search, and what the order of the merge keeps of it
OF_INDEX: Final = frozenset(
    {"alpha", "beta", "disturbance", "crowding", "hysteresis", "uniform_mass"}
)  # move codes, and towers only through them
WIDTH: Final = "1 – 4096"
POSITIVE: Final = "> 0"
ANY: Final = "≥ 0"
RANGES: Final[Mapping[str, str]] = {
    "dim": WIDTH, "id_dim": WIDTH, "hidden": WIDTH, "codes": "auto, 1 – 1,048,576", "batch": "1 – 65,536",
    "tau": POSITIVE, "gamma": ANY, "alpha": "unset, 0 – 1", "beta": ANY, "disturbance": POSITIVE, "crowding": ANY,
    "hysteresis": "0 – 1", "uniform_share": ANY, "uniform_mass": ANY,
    "log_q": "yes, no", "same_user_mask": "yes, no", "same_cluster_mask": "yes, no", "aux_weight": ANY,
    "ind_weight": ANY, "sim_weight": ANY, "admit_after": "≥ 1", "id_dropout": "0 – 1", "history": "1 – 1,000",
    "tower_history": "1 – 1,000",
    "recency": POSITIVE,
    "expire_after": "≥ batch", "half_lives": "each ≥ 1", "initial_count": POSITIVE, "start_steps": "0 – start_latest",
    "start_exposures": "≥ 1", "start_latest": "≥ start_steps", "interval_rate": "0 – 1", "interval_max": POSITIVE,
    "dense_rate": POSITIVE, "row_rate": POSITIVE, "ranker": ", ".join(get_args(Ranker)),
    "rank_history": "1 – 1,000", "rank_negatives": "1 – 1,000", "rank_rate": POSITIVE, "rank_label_weight": ANY,
    "history_debias": "yes, no", "tau_rate": ANY, "repeat_rate": ANY, "seed": ANY,
}  # fmt: skip


def guide(stored: Mapping[str, Stored]) -> str:
    """A row a setting. Changes are of exact search's hit@100, for settings of the codebook of merge/exact.

    Args:
        stored: results of experiments by name.
    """
    rows, defaults = [], ModelConfig(tasks=(Task("any"),)).to_dict()
    for name, entry in ModelSettings.model_fields.items():
        measured = "; ".join(_measured(name, stored))
        default = _plain(defaults.get(name))
        rows.append((f"`{name}`", default, RANGES.get(name, ""), entry.description or "", measured))
    text = table(("setting", "default", "range", "what it does", "change measured"), rows)
    return text.replace("|---|--:|--:|--:|--:|", "|---|---|---|---|---|")


def _measured(setting: str, stored: Mapping[str, Stored]) -> list[str]:
    found, name = [], INDEX if setting in OF_INDEX else TOWERS
    for experiment, result in stored.items():
        for variant, settings in result.get("variants", {}).items():
            if set(settings) == {setting}:
                changes = [compare(result, stream, variant, name) for stream in streams_of(result)]
                known = [change for change in changes if change is not None and change.seeds]
                if known:
                    found.append(f"[{_plain(settings[setting])}](#{experiment}): {_span(known)}")
    return list(dict.fromkeys(found))


def _span(changes: list[Compared]) -> str:
    """The smallest and the largest change over streams, and whether any stands out from chance."""
    low, high = min(changes, key=lambda one: one.change), max(changes, key=lambda one: one.change)
    ends = [low] if low is high else [low, high]
    return " to ".join(f"{signed(end.change)}{end.mark}" for end in ends)


def _plain(value: Any) -> str:
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ", ".join(_plain(one) for one in value)
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
