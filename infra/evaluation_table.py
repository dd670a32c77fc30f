"""One evaluation on a terminal."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.report.arms import main_arms, ordered

SHORT: Final = 30_000  # exposures: over the first few ten thousand the rivals lead on most sets


def show(result: Mapping[str, Any]) -> None:
    """The arms, what they come to against each other, and the codebook."""
    data = result["data"]
    table = Table(title=f"{data['name']}: {data['predicted']:,} of {data['events']:,} exposures predicted")
    for column in ("arm", "scored", "hit@10", "hit@100", "95 %", "ndcg@10", "seconds"):
        table.add_column(column, justify="left" if column == "arm" else "right", no_wrap=True)
    for name in ordered(result["arms"]):
        arm = result["arms"][name]
        low, high = arm["interval"]["hit@100"]
        table.add_row(
            name, f"{arm['scored_share']:.1%}", f"{arm['hit@10']:.3f}", f"{arm['hit@100']:.3f}",
            f"{low:.3f}–{high:.3f}", f"{arm['ndcg@10']:.3f}", f"{arm['spent_s']:.1f}",
        )  # fmt: skip
    console = Console()
    for note in data["notes"]:
        console.print(f"note: {note}", highlight=False)
    console.print(table)
    rival = result.get("best_rival", "rival")  # called by its name, as in the report
    ratios = [f"{name.replace('/rival', f'/{rival}')} {ratio:.3f}" for name, ratio in result["ratios"].items()]
    if ratios:
        console.print(f"ratios of hit@100: {' · '.join(ratios)}", highlight=False)
    for line in (*_fresh(result), *_cold(result), _codes(result["codes"]), *_hints(result)):
        console.print(line, highlight=False)


def _fresh(result: Mapping[str, Any]) -> Iterator[str]:
    for age, entry in result["fresh"].items():
        if entry["n"]:
            found = " · ".join(f"{name} {entry[name]:.3f}" for name in main_arms(result["arms"]))
            yield f"hit@100 of items first exposed at most {age} before ({entry['n']:,.0f}): {found}"


def _cold(result: Mapping[str, Any]) -> Iterator[str]:
    cold = result["cold"]
    if cold["n"]:
        yield (
            f"hit@100 of items never exposed among each other ({cold['n']:,.0f}): by features {cold['hit@100']:.3f},"
            f" by id only and by chance {cold['chance']:.3f}"
        )


def _codes(codes: Mapping[str, Any]) -> str:
    if not codes["total"]:
        return "codes: none, the stream ended before the codebook began: svq had a single list"
    return (
        f"codes: {codes['used']:.0f} of {codes['total']} used, perplexity {codes['perplexity_items']:.0f},"
        f" largest {codes['largest_over_mean']:.1f} × mean"
    )


def _hints(result: Mapping[str, Any]) -> Iterator[str]:
    if result["data"]["events"] < SHORT:
        yield (
            f"hint: {result['data']['events']:,} exposures are few. The towers learn from nothing, so popularity and"
            " item-kNN are hard to beat at first; --plots shows how hit@100 goes on"
        )
