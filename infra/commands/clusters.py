"""`svq clusters`: the index by cluster."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import typer

from infra.columns import columns
from infra.remote import Url, server

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
    from streamvq_client.questions import NearestQuery

    with server(url) as asked:
        answer: Any
        if near is not None:
            answer = asked.nearest_clusters(NearestQuery(user_id=near, limit=limit))
        elif cluster is not None:
            answer = asked.cluster(cluster, limit=limit)
        else:
            answer = asked.clusters(sort=sort.value, limit=limit)
    if as_json:
        typer.echo(msgspec.json.encode(answer).decode())
    elif near is not None:
        _show(("id", "score", "retrievable"), answer.clusters)
    elif cluster is not None:
        one = answer.cluster
        typer.echo(f"cluster {one.id}: {one.items:,} items, {one.exposures:,} exposures", err=True)
        for name in answer.items:
            typer.echo(name)
    else:
        _show(("id", "items", "exposures", "retrievable"), answer.clusters)
        if (left := answer.total - len(answer.clusters)) > 0:
            typer.echo(f"{left} more; show them with --limit", err=True)


def _show(heads: Sequence[str], clusters: Sequence[Any]) -> None:
    for line in columns(heads, [[getattr(one, head) for head in heads] for one in clusters]):
        typer.echo(line)
