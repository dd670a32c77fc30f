"""`svq data`: public sets of interactions, and what is read of a file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.commands.event_options import ItemsFile, UsersFile
from infra.extra import evaluation_extra
from schemas.errors import SettingsError

if TYPE_CHECKING:
    from benchmarks.interactions import Interactions

app = typer.Typer(
    no_args_is_help=True,
    help="Get public sets of interactions, and see what is read of a file, for `svq evaluate`.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """Name the public sets: their sizes, terms, and whether they are on this machine."""
    with evaluation_extra():
        from benchmarks.data.public_sets import folder_of, is_here
    from benchmarks.data.registry import SETS

    rows: list[dict[str, Any]] = [
        {
            "name": one.name, "title": one.title, "rows": one.rows, "users": one.users, "items": one.items,
            "megabytes": one.megabytes, "addresses": [file.address for file in one.files], "checksum": one.checked,
            "terms": one.terms, "citation": one.citation, "here": is_here(one.name),
            "folder": str(folder_of(one.name)),
        }
        for one in SETS.values()
    ]  # fmt: skip
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        state = f"here: {row['folder']}" if row["here"] else f"not here: svq data get {row['name']}"
        typer.echo(f"{row['name']}: {row['title']}")
        typer.echo(f"    {row['rows']:,} rows, {row['users']:,} users, {row['items']:,} items, {row['megabytes']} MB")
        typer.echo(f"    terms: {row['terms']}")
        if not row["checksum"]:
            typer.echo("    checked by form and size only: upstream still changes it")
        typer.echo(f"    {state}")


@app.command()
def get(
    name: Annotated[str, typer.Argument(help="Name of a public set: see `svq data list`.")],
    *,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="A local copy: the archive, the folder it unpacks to, or its prepared tables."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Download a public set from its official address, check it, and prepare its tables.

    By downloading you accept its owner's terms, which are shown first.

    SVQ_DATA_MIRROR names another place that has the files.
    """
    with evaluation_extra():
        import benchmarks.data.public_sets  # noqa: F401 - before anything is said
    from benchmarks.data.registry import named
    from infra.public_sets import obtain

    wanted = named(name)
    folder = obtain(name, source)
    if as_json:
        typer.echo(json.dumps({"name": name, "folder": str(folder), "terms": wanted.terms}))
    else:
        typer.echo(f"{name} is at {folder}. Terms: {wanted.terms}")


@app.command()
def show(
    data: Annotated[str, typer.Argument(help="A file of interactions, a folder, or the name of a public set.")],
    *,
    items: ItemsFile = None,
    users: UsersFile = None,
    task: Annotated[
        list[str] | None, typer.Option(help="Label column, or a condition such as 'rating>=4'; again for more.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read interactions as `svq evaluate` does, and say what was taken for what, left out and ignored."""
    with evaluation_extra():
        from benchmarks.data.reading import read_interactions
    from infra.public_sets import read_named

    path = Path(data)
    if path.is_dir() or not (path.suffix or path.exists()):  # a name has no suffix
        if items or users:
            raise SettingsError(f"{data} brings its own features. Leave --items and --users out, or name a file")
        read = read_named(data, task)
    else:
        read = read_interactions(path, items, users, tasks=task)
    summary = _summary(read)
    if as_json:
        typer.echo(json.dumps(summary))
    else:
        _print(summary)


def _summary(read: "Interactions") -> dict[str, Any]:
    import numpy as np

    labels = read.labels_nt
    return {
        "name": read.name,
        "events": len(read),
        "users": len(read.users),
        "items": len(read.items),
        "first": _moment(read.time_n[0]),
        "last": _moment(read.time_n[-1]),
        "tasks": [
            {
                "name": task.name, "kind": task.kind, "positives": int(np.sum(labels[:, place] > 0)),
                "unknown": int(np.isnan(labels[:, place]).sum()),
            }
            for place, task in enumerate(read.tasks)
        ],
        "features": [{"name": one.name, "side": one.side, "kind": one.kind} for one in read.features],
        "dropped": dict(read.dropped),
        "ignored_columns": list(read.ignored_columns),
        "notes": list(read.notes),
    }  # fmt: skip


def _moment(ms: Any) -> str:
    import numpy as np

    return f"{np.datetime64(int(ms), 'ms')}Z"


def _print(summary: dict[str, Any]) -> None:
    typer.echo(f"{summary['name']}: {summary['events']:,} events of {summary['users']:,} users and ", nl=False)
    typer.echo(f"{summary['items']:,} items, {summary['first']} to {summary['last']}")
    lines: list[tuple[str, str]] = [
        ("predicted" if place == 0 else "trained beside it", f"{one['name']}: {one['positives']:,} positives")
        for place, one in enumerate(summary["tasks"])
    ]
    lines += [(f"{one['side']} feature", f"{one['name']}, {one['kind']}") for one in summary["features"]]
    lines += [("left out", f"{count:,} x {reason}") for reason, count in summary["dropped"].items()]
    lines += [("note", note) for note in summary["notes"]]
    ignored = ", ".join(summary["ignored_columns"])
    lines += [("ignored", ignored)] if ignored else []
    for label, text in lines:
        typer.echo(f"{label:>18}  {text}")
