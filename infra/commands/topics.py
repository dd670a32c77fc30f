"""`svq topics`: create and check."""

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer

from infra.acls import ROLES, acls, kafka_acls
from infra.commands.kafka_reading import settings_and_logs
from infra.topics import alter_topics, check_topics, create_topics
from schemas.errors import TopicsError
from schemas.settings import load_settings

app = typer.Typer(help="Create the topics of a retriever, and check that they are what the workers need.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def create(
    *,
    alter: Annotated[bool, typer.Option("--alter", help="Also set what differs on existing topics.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create every topic that is missing. Existing ones stay as they are, unless --alter is given."""
    settings = settings_and_logs()
    created = asyncio.run(create_topics(settings))
    altered = asyncio.run(alter_topics(settings)) if alter else []
    if as_json:
        typer.echo(json.dumps({"created": created, "altered": altered}))
        return
    for name in created:
        typer.echo(f"created {name}")
    for name in altered:
        typer.echo(f"altered {name}")
    if not created and not altered:
        typer.echo(f"every topic of {settings.kafka.prefix} exists")


@app.command()
def grow(
    partitions: Annotated[int, typer.Option(min=1, max=1024, help="How many there shall be, more than now.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add partitions, and move every row to its new home. Trainer and indexers have to be stopped.

    If it was ended in the middle, run it again: workers refuse to start until it is done.
    """
    settings = settings_and_logs()
    from infra.partition_growth import grow as carry_out
    from infra.partition_growth import plan_growth

    growth = asyncio.run((plan_growth if dry_run else carry_out)(settings, partitions, _say))
    if as_json:
        typer.echo(json.dumps(asdict(growth) | {"dry_run": dry_run}))
        return
    for topic, rows in growth.moved.items():
        typer.echo(f"{topic}: {rows:,} rows {'would move' if dry_run else 'moved'}")
    typer.echo(f"partitions: {growth.before} -> {growth.after}{', nothing was changed' if dry_run else ''}")
    if "partitions" in settings.kafka.model_fields_set and settings.kafka.partitions != partitions and not dry_run:
        typer.echo(f"set kafka.partitions to {partitions}, or leave it out; then start trainer and indexers")


def _say(line: str) -> None:
    typer.echo(line, err=True)


@app.command()
def check(*, as_json: AsJson = False) -> None:
    """Say in what the topics differ from what workers need, and what puts it right. Exit code 2 if they do."""
    settings = settings_and_logs()
    found = asyncio.run(check_topics(settings))
    if as_json:
        typer.echo(json.dumps([asdict(difference) for difference in found]))
    elif not found:
        typer.echo(f"every topic of {settings.kafka.prefix} is as it must be")
    else:
        for difference in found:
            typer.echo(str(difference))
        for remedy in dict.fromkeys(difference.remedy for difference in found):
            typer.echo(remedy)
    if found:
        raise typer.Exit(TopicsError.exit_code)


@app.command("acls")
def show_acls(
    role: Annotated[str | None, typer.Option(help=f"Only of one: {', '.join(ROLES)}.")] = None,
    principal: Annotated[str, typer.Option(help="Who gets them; {role} stands for the role.")] = "User:svq-{role}",
    *,
    as_json: AsJson = False,
) -> None:
    """Print what each role may do in Kafka, as commands of kafka-acls.sh. Nothing is changed."""
    if role is not None and role not in ROLES:
        raise typer.BadParameter(f"there is no role {role}; there are {', '.join(ROLES)}", param_hint="--role")
    topics = load_settings().topics
    found = {one: acls(topics, one) for one in ROLES if role in (None, one)}
    if as_json:
        typer.echo(json.dumps({one: [acl._asdict() for acl in of_role] for one, of_role in found.items()}))
        return
    for one, of_role in found.items():
        typer.echo(f"# {one}: {ROLES[one][0].replace('`', '')}")
        for line in kafka_acls(of_role, principal.format(role=one)):
            typer.echo(line)
