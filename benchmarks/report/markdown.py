"""One evaluation as a section of Markdown, for a reader who believes nothing."""

from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.report.arms import MEANING, main_arms, ordered
from benchmarks.report.tables import UNKNOWN, count, interval, percent, seconds, share, table
from pipeline.config import ModelConfig, Task

Result = Mapping[str, Any]
HEADLINE = "hit@100"
DECIDED_BY_DATA = ("tasks", "features", "seed", "version")


def section(result: Result) -> str:
    """Everything in one results object: what was asked of whom, the table of arms, and where they differ."""
    parts = [
        f"## {result['data']['name']}",
        _asked(result),
        _headline(result),
        _ratios(result),
        _legend(result),
        _fresh(result),
        _cold(result),
        _codes(result),
        _slices(result),
        _settings(result),
        _machine(result),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def headline(result: Result) -> str:
    """The table of arms alone."""
    return _headline(result)


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds / 60:g} min"


def _asked(result: Result) -> str:
    data = result["data"]
    tasks = [_name(task) for task in data.get("tasks", ())]
    features = [f"{entry['side']} {entry['name']}" for entry in data.get("features", ())]
    events, predicted, items, users = (count(data.get(key)) for key in ("events", "predicted", "items", "users"))
    span = f"{data.get('first', UNKNOWN)} to {data.get('last', UNKNOWN)}"
    ties = percent(data.get("tied_share"))
    sentences = [f"{count(data.get('rows'))} rows: {events} exposures of {items} items to {users} users, {span}."]
    sentences.append(
        f"Each of {predicted} positives of `{tasks[0] if tasks else UNKNOWN}` was asked of every arm before anything"
        " was learned from it, against all items published by then; nothing was sampled."
    )
    sentences.append(
        f"{ties} of the exposures share their user's timestamp with another one: what happened at the same time is not"
        " history."
    )
    if data.get("micro_batches"):
        closed = f", closed after {_duration(data['deadline_s'])} if not full" if data.get("deadline_s") else ""
        sentences.append(f"{count(data['micro_batches'])} micro-batches{closed}.")
    sentences.append(_masked(data))
    if len(tasks) > 1:
        sentences.append(f"Also trained: {', '.join(f'`{task}`' for task in tasks[1:])}.")
    sentences.append(f"Features: {', '.join(features)}." if features else "No features, ids only.")
    dropped = {reason: rows for reason, rows in data.get("dropped", {}).items() if rows}
    if dropped:
        sentences.append("Dropped: " + ", ".join(f"{count(rows)} rows ({why})" for why, rows in dropped.items()) + ".")
    if data.get("ignored_columns"):
        sentences.append("Columns not read: " + ", ".join(f"`{name}`" for name in data["ignored_columns"]) + ".")
    sentences += [f"{note[0].upper()}{note[1:]}." for note in data.get("notes", ())]
    seeds = result.get("seeds", ())
    sentences.append(
        f"Seed {seeds[0]}; intervals are a bootstrap over users."
        if len(seeds) == 1
        else f"Means of {len(seeds)} seeds ({', '.join(map(str, seeds))}); intervals hold what other users"
        " (bootstrap) and other seeds (Student's t) would change."
    )
    return "\n".join(sentences)


def _name(task: object) -> str:
    return str(task["name"]) if isinstance(task, Mapping) else str(task)


def _masked(data: Result) -> str:
    repeated = percent(data.get("repeated_share"))
    if data.get("repeats"):
        return f"{repeated} of the positives repeat an item that the user had taken before, so nothing was masked."
    return (
        f"{repeated} of the positives repeat an item that the user had taken before,"
        " so items taken before were offered by no arm."
    )


def _headline(result: Result) -> str:
    """Builds carried out stand beside the rebuilds they stand for, whose seconds nobody has waited for."""
    header = (
        "arm", "scored", "hit@10", HEADLINE, "", "ndcg@10", "mrr@10", "coverage", "rebuilds", "carried out",
        "rebuilds s", "query s",
    )  # fmt: skip
    rows = []
    for name in ordered(result["arms"]):
        arm = result["arms"][name]
        spent = arm.get("seconds", {})
        rows.append((
            f"`{name}`", percent(arm.get("scored_share")), share(arm.get("hit@10")), share(arm.get(HEADLINE)),
            interval(arm.get("interval", {}).get(HEADLINE)), share(arm.get("ndcg@10")), share(arm.get("mrr@10")),
            share(arm.get("coverage@100")), count(arm.get("rebuilds")), count(arm.get("builds")),
            seconds(spent.get("build")), seconds(spent.get("query")),
        ))  # fmt: skip
    return table(header, rows)


def _ratios(result: Result) -> str:
    """The best rival is called by its name."""
    rival = result.get("best_rival", "rival")
    bounds = result.get("ratio_intervals", {})
    shown = [
        f"{name.replace('/rival', f'/{rival}')} {share(ratio)} {interval(bounds.get(name))}".rstrip()
        for name, ratio in result.get("ratios", {}).items()
    ]
    return f"Ratios of {HEADLINE}: {' · '.join(shown)}" if shown else ""


def _legend(result: Result) -> str:
    known = [f"`{name}` {MEANING[name]}" for name in ordered(result["arms"]) if name in MEANING]
    return (
        "<details><summary>What the arms are</summary>\n\n"
        + "\n".join(f"- {line}" for line in known)
        + "\n\nScored are items, and the clusters or centroids looked through first, as a share of the items known."
        "\nRebuilds are those that the clock of the events asks for. Those within one micro-batch are carried out once,"
        " and its seconds count for each:\nthe evaluation itself took only the share that was carried out."
        " Rebuild and query seconds are what an arm spends beyond the towers, which all share."
        "\nCoverage is the share of items in any of the answers looked at.\n\n</details>"
    )


def _fresh(result: Result) -> str:
    """An arm a row; beside each number, how many times as much streaming VQ finds."""
    asked = {age: values for age, values in result.get("fresh", {}).items() if values.get("n")}
    if not asked:
        return ""
    header = ["first exposed at most … ago"]
    for age, values in asked.items():
        header += [f"{age} (n = {count(values['n'])})", "svq ÷"]
    rows = []
    for name in main_arms(result["arms"]):
        row = [f"`{name}`"]
        for values in asked.values():
            row += [share(values.get(name)), share(values[f"svq/{name}"]) if f"svq/{name}" in values else ""]
        rows.append(row)
    return f"Fresh items, {HEADLINE}:\n\n{table(header, rows)}"


def _cold(result: Result) -> str:
    cold = result.get("cold", {})
    if not cold.get("n"):
        return ""
    values = (cold.get(HEADLINE), cold.get("chance"), cold.get("among_all"))
    return (
        f"Items never exposed before, told from others never exposed by their features alone: {HEADLINE}"
        f" {share(values[0])} {interval(cold.get('interval'))} over {count(cold['n'])} first exposures; by id only,"
        f" which is by chance, {share(values[1])}. Among all items, with their popularity: {share(values[2])}."
    )


def _codes(result: Result) -> str:
    codes = result.get("codes", {})
    if not codes:
        return ""
    if codes.get("total") == 0:
        return "Codebook: none, the stream ended before it began; `svq` had a single list."
    total = codes.get("total") or 1
    largest = codes.get("largest_over_mean")
    facts = [
        f"{count(codes.get('used'))} of {count(codes.get('total'))} codes hold items",
        f"perplexity {share(codes.get('perplexity_items', 0) / total)} K over items",
        f"{share(codes.get('perplexity_exposures', 0) / total)} K over exposures",
        f"Gini {share(codes.get('gini_items'))} and {share(codes.get('gini_exposures'))}",
        f"the largest holds {largest:.1f} times the mean" if largest is not None else "",
        f"{percent(codes.get('churn'))} of the items are refiled every 10,000 exposures",
        f"{percent(codes.get('misplaced'))} stood in another cluster than the one they belong to",
    ]
    return "Codebook: " + "; ".join(fact for fact in facts if fact) + "."


def _slices(result: Result) -> str:
    titles: tuple[tuple[str, str, Callable[[str], str]], ...] = (
        ("by_age", "age of the item", str),
        ("by_history", "positives in the history", str),
        ("by_popularity", "popularity of the item, tenth", lambda place: str(int(place) + 1)),
    )
    tables = [_slice(result["arms"], *one) for one in titles]
    body = "\n\n".join(text for text in tables if text)
    if not body:
        return ""
    return f"<details><summary>{HEADLINE} by age, history and popularity</summary>\n\n{body}\n\n</details>"


def _slice(arms: Mapping[str, Result], key: str, title: str, shown: Callable[[str], str]) -> str:
    """An arm a row, a slice a column; a slice holds the same questions for all arms."""
    found = {name: _items(arms[name].get(key, {})) for name in main_arms(arms)}
    asked = {bucket: entry["n"] for entries in found.values() for bucket, entry in entries.items() if entry["n"]}
    if not asked:
        return ""
    header = (title, *(f"{shown(bucket)} (n = {count(n)})" for bucket, n in asked.items()))
    rows = [
        (f"`{name}`", *(share(entries.get(bucket, {}).get(HEADLINE)) for bucket in asked))
        for name, entries in found.items()
    ]
    return table(header, rows)


def _items(found: Any) -> dict[str, Result]:
    return dict(found) if isinstance(found, Mapping) else {str(place): entry for place, entry in enumerate(found)}


def _settings(result: Result) -> str:
    settings = result.get("settings", {})
    defaults = ModelConfig(tasks=(Task("any"),)).to_dict()
    changed = {
        name: value
        for name, value in settings.items()
        if name not in DECIDED_BY_DATA and (name not in defaults or defaults[name] != value)
    }
    if not changed:
        return "Settings: all as by default."
    return (
        "Settings other than by default: " + ", ".join(f"`{name}` = {value}" for name, value in changed.items()) + "."
    )


def _machine(result: Result) -> str:
    machine, throughput = result.get("machine", {}), result.get("throughput", {})
    speeds = [
        f"{name} {count(throughput[key])} events/s"
        for key, name in (
            ("events_per_s", "this replay"),
            ("learn_events_per_s", "learning"),
            ("svq_events_per_s", "learning and streaming VQ"),
        )
        if throughput.get(key) is not None
    ]
    versions = [f"{name} {machine[name]}" for name in ("python", "numpy", "torch", "faiss") if machine.get(name)]
    place = ", ".join(
        f"{machine.get(key, UNKNOWN)}{unit}" for key, unit in (("cpu", ""), ("cores", " cores"), ("memory_gib", " GiB"))
    )
    return f"{place}; {', '.join(versions)}; {seconds(result.get('seconds'))} s in all; {', '.join(speeds)}."
