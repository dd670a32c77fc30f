"""`svq init`: the first settings file, from a sample of the user's own events."""

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from infra.commands.event_options import EventsFile, ItemsFile, Tasks, UsersFile

app = typer.Typer()


@app.command()
def init(
    file: EventsFile,
    *,
    items: ItemsFile = None,
    users: UsersFile = None,
    task: Tasks = None,
    out: Annotated[Path, typer.Option(help="File to write.")] = Path("svq.toml"),
    prefix: Annotated[str, typer.Option(help="First part of every topic's name: one retriever, one prefix.")] = "svq",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was guessed as one JSON object.")] = False,
) -> None:
    """Write a commented svq.toml for your events: tasks and features are guessed from a sample, and it says why.

    Give `svq publish` the same files and options. Nothing is sent anywhere, and no file is overwritten.
    """
    from infra.event_files import is_json_lines
    from infra.first_settings.written import require_new, settings_text, write_settings
    from schemas.errors import SettingsError

    require_new(out, force=force)
    if is_json_lines(file):
        from infra.first_settings.from_lines import guess_lines

        if items or users or task:
            raise SettingsError(
                f"{file} holds events as they are published: --items, --users and --task are for tables"
            )
        guessed = guess_lines(file)
    else:
        from infra.first_settings.from_tables import guess_tables

        guessed = guess_tables(file, items, users, task or [])
    options = [(name, str(value)) for name, value in (("--items", items), ("--users", users)) if value]
    options += [("--task", one) for one in task or []]
    command = shlex.join(["svq", "init", str(file), *(part for option in options for part in option)])
    write_settings(out, settings_text(guessed, command, prefix), force=force)
    if as_json:
        typer.echo(json.dumps({"file": str(out), **guessed.plain()}))
        return
    typer.echo(
        f"{out}: written from {guessed.events:,} exposures of {guessed.users:,} users and {guessed.items:,} items"
    )
    for one in guessed.tasks:
        typer.echo(f"{'task':>16}  {one.name}, {one.kind}: {one.why}")
    for feature in guessed.features:
        typer.echo(f"{feature.side + ' feature':>16}  {feature.name}, {feature.kind}: {feature.why}")
    for note in guessed.notes:
        typer.echo(f"{'note':>16}  {note}")
    typer.echo("Look at it, change what is wrong, then: svq config check")
