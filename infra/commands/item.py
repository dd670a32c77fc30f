"""`svq item`: everything that a server holds of one item."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from infra.columns import columns
from infra.conditions import filter_of
from infra.remote import Url, server

if TYPE_CHECKING:
    from streamvq_client.answers import SimilarAnswer
    from streamvq_client.states import ItemState

app = typer.Typer()

TIMES = {"published", "time"}


@app.command()
def item(
    item_id: Annotated[str, typer.Argument(metavar="ID", help="Item id.")],
    *,
    similar: Annotated[bool, typer.Option("--similar", help="Items like it instead, the most alike first.")] = False,
    k: Annotated[int | None, typer.Option("--k", "-k", min=1, help="With --similar: items wanted.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="With --similar: only items with this, as of `svq retrieve`.", metavar="CONDITION"),
    ] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete it; publishing it again brings it back.")] = False,
    url: Url = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as the API gives it.")] = False,
) -> None:
    """Show where an item is filed and what is known of it; or items like it; or delete it. Exit code 2 without one."""
    if similar and delete:
        raise typer.BadParameter("--similar and --delete are two things")
    from streamvq_client.questions import SimilarQuery

    with server(url) as asked:
        if delete:
            published = asked.delete(item_id)
            typer.echo(_json(published) if as_json else f"{item_id} is deleted: Kafka has it")
        elif similar:
            alike = asked.similar(item_id, SimilarQuery(k=k, filter=filter_of(where or [])))
            if as_json:
                typer.echo(_json(alike))
            else:
                _print_similar(alike)
        else:
            found = asked.item(item_id)
            if as_json:
                typer.echo(_json(found))
            else:
                _print(found)


def _json(answer: msgspec.Struct) -> str:
    return msgspec.json.encode(answer).decode()


def _print(found: "ItemState") -> None:
    for name, value in msgspec.to_builtins(found).items():
        shown = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
        if name in TIMES and value is not None:
            shown = datetime.fromtimestamp(value / 1000, UTC).isoformat(timespec="milliseconds")
        typer.echo(f"{name}\t{'-' if shown is None else shown}")


def _print_similar(answer: "SimilarAnswer") -> None:
    rows = [
        [one.id, one.similarity, one.cluster, json.dumps(one.attributes, ensure_ascii=False)] for one in answer.items
    ]
    for line in columns(["item", "similarity", "cluster", "attributes"], rows):
        typer.echo(line)
    if answer.why_fewer:
        typer.echo(f"fewer than asked for: {answer.why_fewer}", err=True)
