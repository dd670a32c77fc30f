"""The experiments by name."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from benchmarks.experiments.bench import Variant
from benchmarks.experiments.estimator import by_hashes
from benchmarks.experiments.experiment import NO_STREAM, Experiment
from benchmarks.experiments.measures import by_arm, by_settings
from benchmarks.experiments.merging import by_way
from benchmarks.experiments.ranking import METRICS as RANKED
from benchmarks.experiments.ranking import by_ranker
from benchmarks.experiments.reseeding import by_cadence
from benchmarks.experiments.scanning import by_refreshed
from benchmarks.known_items import REFRESHED
from benchmarks.replay import RESEED_EVERY
from benchmarks.report.arms import MEANING
from pipeline.config import ModelConfig, Task

PAPER: Final = "Streaming VQ (arXiv 2501.08695)"
YI: Final = "Yi et al. 2019"
OURS: Final = "ours"
REAL: Final = ("ml-100k", "movietweetings")
BOTH: Final = ("ml-100k", "movietweetings", "drift")
ONE: Final = ("ml-100k", "drift")
DEFAULTS: Final = ModelConfig(tasks=(Task("any"),))
TEMPERATURES: Final = (0.05, 0.1, 0.2, 0.3)
DEFAULT_CROWD: Final = DEFAULTS.crowding, DEFAULTS.uniform_mass
NEVER: Final = 1e9  # a threshold that no code's mass falls below: no disturbance
INDEX: Final = ("exact", "merge/exact", "perplexity/K", "largest/mean", "gini", "churn")
FOUND: Final = ("exact", "svq@2%/exact", "merge/exact", "fresh 1d", "tail")


def _settings(default: str, others: Mapping[str, Mapping[str, Any]]) -> dict[str, Variant]:
    return {default: Variant()} | {name: Variant(settings) for name, settings in others.items()}


def _values(setting: str, values: Sequence[Any]) -> dict[str, Variant]:
    """The default of a setting, then other values of it."""
    default = getattr(DEFAULTS, setting)
    return {f"{setting} = {'auto' if default is None else default}": Variant()} | _others(setting, values)


def _others(setting: str, values: Sequence[Any]) -> dict[str, Variant]:
    """The values of a setting that are not its default."""
    default = getattr(DEFAULTS, setting)
    return {f"{setting} = {value}": Variant({setting: value}) for value in values if value != default}


def _balance() -> dict[str, Variant]:
    present = DEFAULTS.beta, DEFAULTS.disturbance
    grid = [(beta, s) for beta in (0.0, 0.25, 0.5, 1.0) for s in (NEVER, 1.0, 2.0, 5.0)]
    return {_point(*point): Variant(_changed(beta=point[0], disturbance=point[1])) for point in [present, *grid]}


def _changed(**settings: float) -> dict[str, float]:
    return {name: value for name, value in settings.items() if value != getattr(DEFAULTS, name)}


def _point(beta: float, s: float) -> str:
    return f"beta = {beta:g}, {'no disturbance' if s == NEVER else f's = {s:g}'}"


def _crowded(crowding: float, mass: float) -> str:
    return f"crowding = {crowding:g}, uniform mass = {mass:g}"


def _arrays(hashes: int, rate: float) -> tuple[str, Variant]:
    return f"{hashes} arrays, rate {rate:g}", Variant(options={"hashes": hashes, "rate": rate})


EXPERIMENTS: Final[Mapping[str, Experiment]] = {
    "auxiliary": Experiment(
        title="L_aux instead of a commitment loss",
        question="Items must be able to leave a cluster that no longer suits them. With the commitment loss instead of"
        " L_aux, hit@100 should fall behind as the stream drifts; without drift it should not.",
        source=f"{PAPER}, section 3.3",
        variants=_settings(
            "L_aux",
            {
                "commitment": {"aux_weight": 0.0, "sim_weight": 1.0},
                "neither": {"aux_weight": 0.0},
                "both": {"sim_weight": 1.0},
                "both, commitment × 30": {"sim_weight": 30.0},
            },
        ),
        streams=("drift", "still", "movietweetings"),
        columns=("exact", "exact/ceiling", "exact trend", "merge/exact", "merge/exact trend", "churn", "perplexity/K"),
        measure=by_settings,
    ),
    "balance": Experiment(
        title="Balance: the interval's exponent and the disturbance",
        question="Rare items should count more (beta) and codes with little mass should attract (s), at no loss of"
        " hit@100.",
        source=f"{PAPER}, section 3.4",
        variants=_balance(),
        streams=ONE,
        columns=INDEX,
        measure=by_settings,
    ),
    "correction": Experiment(
        title="log q and popularity",
        question="The losses correct for how items are drawn (log q), and popularity is served by count (gamma). Each"
        " should cost hit@100 when it is left out.",
        source=f"{YI}; popularity: {OURS}",
        variants=_settings(
            "both",
            {
                "no log q": {"log_q": False},
                "no popularity": {"gamma": 0.0},
                "neither": {"log_q": False, "gamma": 0.0},
            },
        ),
        streams=BOTH,
        columns=(*FOUND, "perplexity/K", "exposure gini"),
        measure=by_settings,
    ),
    "temperature": Experiment(
        title="Temperature",
        question="Learned, it should be as good as the best fixed one, whatever the stream; and the correction should"
        " move the best one.",
        source=f"{YI}, table 1",
        variants={"learned": Variant()}
        | {f"fixed at {tau}": Variant({"tau": tau, "tau_rate": 0.0}) for tau in TEMPERATURES}
        | {
            f"fixed at {tau}, no log q": Variant({"tau": tau, "tau_rate": 0.0, "log_q": False})
            for tau in (TEMPERATURES[0], TEMPERATURES[-1])
        },
        streams=BOTH,
        columns=FOUND,
        measure=by_settings,
    ),
    "repeats": Experiment(
        title="What repeats are worth",
        question="Where users come back to the same items, saying so should find more; elsewhere it should not matter.",
        source=OURS,
        variants=_settings("learned", {"none": {"repeat_rate": 0.0}}),
        streams=("drift", "online-retail", "movietweetings"),
        columns=FOUND,
        measure=by_settings,
    ),
    "crowding": Experiment(
        title="Balance: codes that repel, and uniform items",
        question="Codes with more than the mean mass should part with their borders (crowding), and items that are"
        " hardly ever exposed should have codes of their own (the mass of uniform items), at no loss of hit@100.",
        source=OURS,
        variants={_crowded(*DEFAULT_CROWD): Variant()} | {
            _crowded(crowding, mass): Variant(_changed(crowding=crowding, uniform_mass=mass))
            for crowding in (0.0, 0.5, 1.0) for mass in (0.0, 0.5, 1.0) if (crowding, mass) != DEFAULT_CROWD
        },
        streams=(*ONE, "kuairand-week1"),
        columns=(*INDEX, "svq@2%/exact"),
        measure=by_settings,
    ),
    "codes": Experiment(
        title="How many codes",
        question="More codes should keep more of the exact hits at the same number of items scored; their own scores"
        " come on top.",
        source=f"{PAPER}, section 3.2; K near 4 √items: Faiss, Guidelines to choose an index",
        variants=_values("codes", (32, 64, 128, 256, 512)),
        streams=BOTH,
        columns=(*INDEX, "svq@2%/exact"),
        measure=by_settings,
    ),
    "codebook-rate": Experiment(
        title="How fast codes follow",
        question="Codes must follow the towers, so decay has to be short beside the stream (auto: by batch and K).",
        source=f"{OURS}; the paper has .9993 on an endless stream",
        variants=_values("alpha", (0.8, 0.9, 0.99, 0.999)),
        streams=ONE,
        columns=(*INDEX, "misplaced"),
        measure=by_settings,
    ),
    "hysteresis": Experiment(
        title="Hysteresis",
        question="An item on a border should not go back and forth: less churn, at no loss.",
        source=OURS,
        variants=_values("hysteresis", (0.0, 0.02, 0.05, 0.1)),
        streams=ONE,
        columns=(*INDEX, "misplaced"),
        measure=by_settings,
    ),
    "uniform-negatives": Experiment(
        title="Uniform negatives",
        question="Items never exposed have to be negatives, too, or they score at random.",
        source=OURS,
        variants=_values("uniform_share", (0.0, 0.25, 1.0)),
        streams=BOTH,
        columns=(*FOUND, "perplexity/K"),
        measure=by_settings,
    ),
    "same-user-mask": Experiment(
        title="Mask of the user's other items",
        question="What else a user takes within one batch is no negative.",
        source=OURS,
        variants=_values("same_user_mask", (True, False)),
        streams=BOTH,
        columns=FOUND,
        measure=by_settings,
    ),
    "same-cluster-mask": Experiment(
        title="Mask of the cluster's other items",
        question="L_ind should balance clusters because items of the same cluster are negatives of each other: without"
        " them the Gini coefficient should rise. log q decides whether items or exposures are balanced.",
        source=f"{PAPER}, section 3.4, as we read it",
        variants=_settings(
            "no mask",
            {
                "mask": {"same_cluster_mask": True},
                "no mask, no log q": {"log_q": False},
                "mask, no log q": {"same_cluster_mask": True, "log_q": False},
            },
        ),
        streams=BOTH,
        columns=("exact", "merge/exact", "gini", "exposure gini", "perplexity/K", "largest/mean"),
        measure=by_settings,
    ),
    "ids": Experiment(
        title="Id dropout and admission",
        question="Rows that see features only teach the feature path, which cold items live on; an id should have been"
        " seen before it gets a row.",
        source=OURS,
        variants=_values("id_dropout", (0.0, 0.15, 0.3)) | _others("admit_after", (1, 2, 3)),
        streams=("ml-100k", "movietweetings"),
        columns=(*FOUND, "cold", "cold chance"),
        measure=by_settings,
    ),
    "history": Experiment(
        title="History encoders",
        question="More of the history, and its latest items more, should foretell better.",
        source=OURS,
        variants=_values("history", (1, 50, 500))
        | _others("tower_history", (1, 10, 50))
        | _others("recency", (1.0, 20.0)),
        streams=BOTH,
        columns=FOUND,
        measure=by_settings,
    ),
    "tasks": Experiment(
        title="One task or several in one codebook",
        question="Further tasks should not cost the first one.",
        source=f"{PAPER}, section 3.6",
        variants={"all tasks": Variant(), "first task only": Variant(primary_only=True)},
        streams=("kuairand-week1",),
        columns=(*FOUND, "perplexity/K"),
        measure=by_settings,
    ),
    "reseeding": Experiment(
        title="Splits into empty codes",
        question="Crowded clusters should be split by codes that hold no item: clusters are to be more even, and more"
        " found at the same number of items scored. Looking more often should not be needed.",
        source="MFLI (arXiv 2602.16124), whose split-and-merge loses 18 % of recall when left out; in our form",
        variants={
            f"every {RESEED_EVERY} micro-batches": Variant(options={"every": RESEED_EVERY}),
            "never": Variant(options={"every": 0}),
            "every micro-batch": Variant(options={"every": 1}),
            "and any empty code splits 4 × mean": Variant(options={"every": RESEED_EVERY, "split": 1}),
        },
        streams=BOTH,
        columns=(
            "exact", "svq@2%/exact", "merge/exact", "codes moved", "empty codes %", "perplexity/K", "largest/mean",
        ),
        measure=by_cadence,
    ),
    "candidates": Experiment(
        title="Candidate stream and scanner",
        question="Items must follow the towers without being exposed, or rare ones stand where they no longer belong;"
        " and an item filed the moment it is published should be found before the next micro-batch is learned from.",
        source=f"{PAPER}, section 3.2",
        variants={
            "all follow": Variant(options={"refreshed": REFRESHED}),
            "only when exposed": Variant(options={"refreshed": 0}),
            "filed with the next micro-batch": Variant(options={"refreshed": REFRESHED, "candidates": 0}),
        },
        streams=("movietweetings", "drift"),
        columns=(
            "svq", "exact over the index", "fresh 1h", "fresh 1d", "tail", "misplaced", "misplaced, most popular tenth",
            "misplaced, rarest half",
        ),
        measure=by_refreshed,
    ),
    "merge": Experiment(
        title="Merge against filling the best clusters",
        question="With 200 candidates the best heads of all lists should beat whole lists of the best clusters; a"
        " longer chunk should be faster at little loss.",
        source=f"{PAPER}, section 3.5",
        variants={f"chunk {n}": Variant(options={"chunk": n}) for n in (8, 1, 4, 16, 64)}
        | {"fill": Variant(options={"chunk": 0})},
        streams=("movietweetings", "drift"),
        columns=("hit@100", "/exact", "kept of exact", "µs a question"),
        measure=by_way,
    ),
    "indexes": Experiment(
        title="Streaming VQ against indexes that are rebuilt",
        question="At equal shares of items scored it should find as much as HNSW and IVF, more of what is new, and as"
        " much of what is rare.",
        source=f"{PAPER}, section 4",
        variants={name: Variant() for name in MEANING},
        streams=("movietweetings", "ml-100k"),
        columns=("hit@100", "scored %", "fresh 1h", "fresh 1d", "head", "tail", "coverage", "build s", "query s"),
        measure=by_arm,
    ),
    "rankers": Experiment(
        title="Rankers against the vectors of the index",
        question="The same candidates should come in a better order from towers of the ranker's own, and in a still"
        " better one from attention over the history; without the clusters that it is full of, better again.",
        source=f"{PAPER}, sections 3.4 and 4",
        variants=_settings(
            "index",
            {
                "two_tower": {"ranker": "two_tower"},
                "attention": {"ranker": "attention"},
                "attention, debiased history": {"ranker": "attention", "history_debias": True},
                "attention, no labels": {"ranker": "attention", "rank_label_weight": 0.0},
            },
        ),
        streams=("movietweetings", "ml-100k", "kuairand-week1"),
        columns=(*RANKED, *(f"{metric}/index" for metric in RANKED), "calibration error", "events/s"),
        measure=by_ranker,
    ),
    "intervals": Experiment(
        title="Item intervals in bounded memory",
        question="Four hashed arrays of the same size in all should err less than one: below .07 with a rate of .01.",
        source=f"{YI}, section 5",
        variants=dict(_arrays(*one) for one in ((4, 0.01), (1, 0.01), (4, 0.1), (4, 0.001))),
        streams=(NO_STREAM,),
        columns=("error at 10000", "error at 1000"),
        measure=by_hashes,
    ),
}  # fmt: skip
