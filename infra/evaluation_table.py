"""One evaluation on a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.report.arms import ordered


def show(result: Mapping[str, Any]) -> None:
    """The arms, what they come to against each other, and the codebook."""
    data = result["data"]
    table = Table(title=f"{data['name']}: {data['predicted']:,} of {data['events']:,} exposures predicted")
    for column in ("arm", "scored", "hit@10", "hit@100", "95 %", "ndcg@10", "seconds"):
        table.add_column(column, justify="left" if column == "arm" else "right", no_wrap=True)
    for name in ordered(result["arms"]):
        arm = result["arms"][name]
        low, high = arm["interval"]["hit@100"]
        spent = arm["seconds"]
        table.add_row(
            name, f"{arm['scored_share']:.1%}", f"{arm['hit@10']:.3f}", f"{arm['hit@100']:.3f}",
            f"{low:.3f}–{high:.3f}", f"{arm['ndcg@10']:.3f}", f"{spent['build'] + spent['query']:.1f}",
        )  # fmt: skip
    console = Console()
    for note in data["notes"]:
        console.print(f"note: {note}", highlight=False)
    console.print(table)
    rival = result.get("best_rival", "rival")  # called by its name, as in the report
    ratios = [f"{name.replace('/rival', f'/{rival}')} {ratio:.3f}" for name, ratio in result["ratios"].items()]
    if ratios:
        console.print(f"ratios of hit@100: {' · '.join(ratios)}", highlight=False)
    codes = result["codes"]
    if not codes["total"]:
        console.print("codes: none, the stream ended before the codebook began: svq had a single list")
        return
    console.print(
        f"codes: {codes['used']:.0f} of {codes['total']} used, perplexity {codes['perplexity_items']:.0f},"
        f" largest {codes['largest_over_mean']:.1f} × mean",
        highlight=False,
    )
