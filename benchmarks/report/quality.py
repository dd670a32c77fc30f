"""docs/quality.md from stored results: everything in it is either generated from them or stands in the template."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.experiments.catalogue import EXPERIMENTS
from benchmarks.experiments.experiment import NO_STREAM
from benchmarks.experiments.runner import defaults
from benchmarks.metrics import HEADLINE
from benchmarks.report.comparison import Stored, streams_of, tables
from benchmarks.report.guide import guide
from benchmarks.report.markdown import section
from benchmarks.report.plots import PLOTS, held, plots
from benchmarks.report.tables import UNKNOWN, count, interval, known, percent, share, table
from schemas.errors import SettingsError

Result = Mapping[str, Any]
RESULTS: Final = Path(__file__).parents[1] / "results"
TEMPLATE: Final = Path(__file__).with_name("quality.md.in")
NAME: Final = "quality"
NOT_THERE: Final = "not there"
PLACE: Final = re.compile(r"\{\{ *(\w+)(?: +([\w-]+))? *\}\}")


@dataclass(frozen=True, slots=True)
class Stores:
    """What was measured: evaluations by set, experiments by name."""

    sets: Mapping[str, Result] = field(default_factory=dict)
    experiments: Mapping[str, Stored] = field(default_factory=dict)


def read_stores(folder: Path = RESULTS) -> Stores:
    """All results in a folder: SET.json and experiments/NAME.json.

    Raises:
        SettingsError: an experiment is stored that is not in the catalogue.
    """
    experiments = {path.stem: json.loads(path.read_text()) for path in sorted((folder / "experiments").glob("*.json"))}
    gone = sorted(set(experiments) - set(EXPERIMENTS))
    if gone:
        raise SettingsError(f"results of {', '.join(gone)} are stored, but there is no such experiment: delete them")
    sets = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    return Stores(sets, experiments)


def write(docs: Path, stores: Stores, template: Path = TEMPLATE) -> list[Path]:
    """Write quality.md and its plots; plots of sets that are no longer stored go."""
    page = docs / f"{NAME}.md"
    page.write_text(generate(stores, template.read_text()))
    folder = docs / NAME
    folder.mkdir(exist_ok=True)
    written = [page]
    for name, result in stores.sets.items():
        for plot, text in plots(result).items():
            written.append(folder / f"{name}-{plot}.svg")
            written[-1].write_text(text)
    for old in set(folder.glob("*.svg")) - set(written):
        old.unlink()
    return written


def generate(stores: Stores, template: str) -> str:
    """The page: the template with its places filled.

    Places: {{headline}}, {{sets}}, {{experiment NAME}}, {{settings}}.

    Raises:
        SettingsError: a place is unknown, or an experiment has none.
    """
    placed = {name for kind, name in PLACE.findall(template) if kind == "experiment"}
    missing = [name for name in EXPERIMENTS if name not in placed]
    if missing:
        raise SettingsError(f"the template has no place for {', '.join(missing)}: add {{{{experiment NAME}}}}")

    def fill(match: re.Match[str]) -> str:
        kind, name = match.groups()
        if kind == "experiment" and name in EXPERIMENTS:
            return _experiment(name, stores.experiments.get(name))
        parts: dict[str, Callable[[Stores], str]] = {"headline": _headline, "sets": _sets, "settings": _guide}
        if kind not in parts:
            raise SettingsError(f"the template has a place {match.group(0)} that nothing fills")
        return parts[kind](stores)

    return PLACE.sub(fill, template)


def _guide(stores: Stores) -> str:
    return guide(stores.experiments)


def _at_budget(arms: Result, ratios: Result, arm: str) -> str:
    """What is left of exact search, and the share really scored: no budget is below 200 items."""
    scored = arms.get(arm, {}).get("scored_share")
    return share(ratios.get(f"{arm}/exact")) + (f" ({percent(scored)})" if scored is not None else "")


def _headline(stores: Stores) -> str:
    if not stores.sets:
        return "No evaluation is stored yet: `svq evaluate NAME --seeds 3 --out benchmarks/results/NAME.json`."
    header = (
        "set", "exposures", "`exact`", "", "best rival", "", "exact ÷ rival", "÷ popularity or item-kNN",
        "svq ÷ exact at 10 % (scored)", "5 %", "2 %", "perplexity ÷ K", "largest ÷ mean",
    )  # fmt: skip
    rows = []
    for name, result in stores.sets.items():
        arms, ratios, codes = result["arms"], result.get("ratios", {}), result["codes"]
        rival = result.get("best_rival", UNKNOWN)
        largest = known(codes.get("largest_over_mean"))
        rows.append((
            f"[{name}](#{name})", count(result["data"]["events"]), share(arms.get("exact", {}).get("hit@100")),
            interval(arms.get("exact", {}).get("interval", {}).get("hit@100")), rival,
            share(arms.get(rival, {}).get("hit@100")), share(ratios.get("exact/rival")),
            share(_over_the_plain(arms)),
            *(_at_budget(arms, ratios, f"svq@{budget}") for budget in ("10%", "5%", "2%")),
            share(codes["perplexity_items"] / max(codes["total"], 1)),
            UNKNOWN if largest is None else f"{largest:.1f}",
        ))  # fmt: skip
    return table(header, rows)


def _over_the_plain(arms: Mapping[str, Any]) -> float | None:
    """Exact search beside the better of the rivals that know no user's past."""
    hits = [arms[name][HEADLINE] for name in ("popularity", "item-knn") if name in arms]
    return arms["exact"][HEADLINE] / max(hits) if "exact" in arms and hits and max(hits) else None


def _sets(stores: Stores) -> str:
    return "\n".join(_set(name, result) for name, result in stores.sets.items()).rstrip("\n")


def _set(name: str, result: Result) -> str:
    text = section(result).replace(f"## {result['data']['name']}", f"### {name}", 1)
    images = "\n".join(f"![{PLOTS[plot].title}]({NAME}/{name}-{plot}.svg)" for plot in held(result))
    return f"{text}\n<details><summary>Plots</summary>\n\n{images}\n\n</details>\n"


def _experiment(name: str, stored: Stored | None) -> str:
    experiment = EXPERIMENTS[name]
    parts = [f"### {name}", f"**{experiment.title}.** {experiment.question} *({experiment.source})*"]
    if stored is None:
        return "\n\n".join([*parts, f"Not run yet: `svq experiment run {name}`."])
    return "\n\n".join([*parts, tables(stored, experiment.columns), _conditions(stored, experiment.streams)])


def _conditions(stored: Stored, wanted: Sequence[str]) -> str:
    seeds = stored["seeds"]
    parts = [f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''}"]
    if stored.get("head"):
        parts.append(f"the first {count(stored['head'])} exposures")
    if stored.get("sample"):
        parts.append(f"{stored['sample']} questions a micro-batch")
    machine = stored["machine"]
    parts.append(f"{machine['cpu']}, {count(stored['seconds'])} s")
    text = ", ".join(parts) + "."
    left_out = [name for name in wanted if name not in (*streams_of(stored), NO_STREAM)]
    if left_out:
        text += f" Not run on {', '.join(left_out)}."
    then, now = stored.get("defaults", {}), defaults()
    keys = [key for key in {**then, **now} if then.get(key, NOT_THERE) != now.get(key, NOT_THERE)]
    changed = [f"{key} {then.get(key, NOT_THERE)} → {now.get(key, NOT_THERE)}" for key in keys]
    return text if not changed else f"{text} Measured with other defaults than today's: {', '.join(changed)}."
