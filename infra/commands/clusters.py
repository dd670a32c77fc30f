"""`svq clusters`: the index by cluster."""

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from infra.columns import columns
from infra.remote import Remote, Url

app = typer.Typer()

MOST_LISTED = 10_000


class Order(StrEnum):
    """By what clusters are sorted."""

    ITEMS = "items"
    EXPOSURES = "exposures"
    ID = "id"


@app.command()
def clusters(
    cluster: Annotated[
        int | None, typer.Argument(help="One cluster: its best items. -1: items without a code.")
    ] = None,
    *,
    near: Annotated[str | None, typer.Option(help="The nearest ones of this user instead.", metavar="USER")] = None,
    sort: Annotated[Order, typer.Option(help="Order of the list.")] = Order.ITEMS,
    limit: Annotated[int, typer.Option(min=1, max=MOST_LISTED, help="Most lines.")] = 20,
    url: Url = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as the API gives it.")] = False,
) -> None:
    """List clusters with their items and exposures; or one with its best items; or those nearest to a user."""
    if cluster is not None and near is not None:
        raise typer.BadParameter("name a cluster or a user, not both")
    server = Remote(url)
    if near is not None:
        answer = server.post("/v1/clusters/nearest", {"user_id": near, "limit": limit})
    elif cluster is not None:
        answer = server.get(f"/v1/clusters/{cluster}", limit=limit)
    else:
        answer = server.get("/v1/clusters", sort=str(sort), limit=limit)
    if as_json:
        typer.echo(json.dumps(answer, ensure_ascii=False))
        return
    if near is not None:
        rows = [[one["id"], one["score"], one["retrievable"]] for one in answer["clusters"]]
        _show(["cluster", "score", "retrievable"], rows)
    elif cluster is not None:
        one = answer["cluster"]
        typer.echo(f"cluster {one['id']}: {one['items']:,} items, {one['exposures']:,} exposures", err=True)
        for name in answer["items"]:
            typer.echo(name)
    else:
        heads = ["id", "items", "exposures", "retrievable"]
        _show(heads, [[one[head] for head in heads] for one in answer["clusters"]])
        left = answer["total"] - len(answer["clusters"])
        if left > 0:
            typer.echo(f"{left} more; show them with --limit", err=True)


def _show(heads: list[str], rows: list[list[Any]]) -> None:
    for line in columns(heads, rows):
        typer.echo(line)
