"""`svq migrate`: carries what was learnt over to the settings at hand."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.commands.kafka_reading import run, settings_and_logs
from schemas.errors import SettingsError
from schemas.settings import Settings

if TYPE_CHECKING:
    from agents.migration import Plan

app = typer.Typer()


@app.command()
def migrate(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Fence a trainer at work instead of refusing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Carry the stored model over to the settings: features and tasks more or less, another ranker.

    The trainer has to be stopped; indexers and servers go on, and follow by themselves.
    """
    settings = settings_and_logs()
    from agents.migration import carry_out, plan

    work = plan(settings) if dry_run else carry_out(settings, _say, take_over=take_over)
    found = run(settings, work)
    if as_json:
        typer.echo(json.dumps(_document(found, done=not dry_run)))
    else:
        for line in _lines(found, settings, done=not dry_run):
            typer.echo(line)
    if found.effect == "epoch":
        raise typer.Exit(SettingsError.exit_code)


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _document(found: "Plan", *, done: bool) -> dict[str, Any]:
    version = found.stored.commit.version if found.stored else None
    return {
        "version": version,
        "effect": found.effect,
        "migrated": done and found.needed,
        "changes": [asdict(change) for change in found.changes],
        "rows": dict(found.rows),
    }


def _lines(found: "Plan", settings: Settings, *, done: bool) -> list[str]:
    from pipeline.reconfiguration import MEANING

    prefix = settings.kafka.prefix
    if found.stored is None:
        return [f"nothing was learnt yet under {prefix}: the trainer takes any settings up"]
    if not found.changes:
        return [f"the settings are those of the model stored under {prefix}: nothing to do"]
    lines = [line for change in found.changes for line in _of_change(change)]
    effects = dict.fromkeys(change.effect for change in found.changes)
    return [*lines, *[f"{effect}: {MEANING[effect]}" for effect in effects], _end(found, prefix, done=done)]


def _of_change(change: Any) -> list[str]:
    lines = [f"{change.effect:<6} {change.setting}: {change.before} -> {change.after}"]
    if change.effect != "safe":
        lines.append(f"       kept: {change.kept}; lost: {change.lost}")
    return lines


def _end(found: "Plan", prefix: str, *, done: bool) -> str:
    if found.effect == "epoch":
        return f"not possible under {prefix}. Begin beside it: SVQ_KAFKA__PREFIX={prefix}-2 svq topics create"
    if not found.needed:
        return "nothing to migrate: start the trainer"
    return "migrated: start the trainer" if done else "to carry it out: stop the trainer, then svq migrate"
