"""`svq table`: the present rows of a table, read from its changelog. Works wherever Kafka can be reached."""

import json
from collections import Counter
from enum import StrEnum
from typing import Annotated

import typer
from streamvq_client.rows import ItemRow

from infra.commands.kafka_reading import settings_and_logs
from infra.commands.shown_rows import ShownRow, read_rows
from schemas.errors import SettingsError

app = typer.Typer(no_args_is_help=True, help="Read the rows of a table from its changelog.")


class TableName(StrEnum):
    """The tables."""

    ITEM_INDEX = "item_index"
    ITEMS = "items"
    CLUSTERS = "clusters"
    HISTORIES = "histories"


Name = Annotated[TableName, typer.Argument(help="Which table.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
ByPartition = Annotated[bool, typer.Option("--by-partition", help="The partitions' shares, not their sum.")]


@app.command()
def get(
    table: Name,
    key: Annotated[str, typer.Argument(help="Item, cluster or user id.")],
    *,
    as_json: AsJson = False,
    by_partition: ByPartition = False,
) -> None:
    """Print one row; exit code 2 if there is none."""
    keys = None if table is TableName.CLUSTERS else [key.encode()]
    rows = read_rows(settings_and_logs(), table, keys=keys, key_prefix=key.encode(), by_partition=by_partition)
    found = [row for row in rows if row.key == key]
    if not found:
        typer.echo(f"{table} has no row {key!r}", err=True)
        raise typer.Exit(SettingsError.exit_code)
    if as_json and not (table is TableName.CLUSTERS and by_partition):
        typer.echo(json.dumps(found[0].plain, ensure_ascii=False))
    else:
        _print(found, as_json=as_json)


@app.command()
def scan(
    table: Name,
    prefix: Annotated[str, typer.Option(help="Only keys that begin like this.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most this many rows.")] = 20,
    *,
    as_json: AsJson = False,
    by_partition: ByPartition = False,
) -> None:
    """Print rows in the order of their keys."""
    rows = read_rows(settings_and_logs(), table, key_prefix=prefix.encode(), by_partition=by_partition)
    _print(rows[:limit], as_json=as_json)
    if len(rows) > limit:
        typer.echo(f"{len(rows) - limit} more; show them with --limit", err=True)


@app.command()
def count(table: Name, *, as_json: AsJson = False, by_partition: ByPartition = False) -> None:
    """Count the rows. Marks of deleted items are no rows; they are counted apart."""
    rows = read_rows(settings_and_logs(), table, by_partition=by_partition)
    marks = [row for row in rows if isinstance(row.row, ItemRow) and row.row.deleted is not None]
    counts: dict[str, int] = {"rows": len(rows) - len(marks)}
    if table is TableName.ITEMS:
        counts["deletion_marks"] = len(marks)
    if by_partition:
        for partition, number in sorted(Counter(row.partition for row in rows).items(), key=str):
            counts[f"partition_{partition}"] = number
    typer.echo(json.dumps(counts) if as_json else "\n".join(f"{name}\t{number}" for name, number in counts.items()))


def _print(rows: list[ShownRow], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([row.plain for row in rows], ensure_ascii=False))
        return
    for row in rows:
        typer.echo(row.line)
