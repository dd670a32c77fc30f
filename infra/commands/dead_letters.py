"""`svq dead-letters`: the events that were not taken, and why; and their way back."""

import json
from collections import Counter, deque
from typing import Annotated, Any

import typer

from infra.commands.given_time import time_ms
from infra.commands.kafka_reading import run, settings_and_logs
from infra.commands.shown_letters import document, line, plain, printable
from infra.letters.found import Found, Letters, Wanted
from infra.letters.replay import Replayed, refusal
from infra.letters.replay import replay as publish_again
from schemas.errors import SettingsError

app = typer.Typer(no_args_is_help=True, help="Look at the events that were not taken, and publish them again.")


Reason = Annotated[str | None, typer.Option(help="Only this reason.")]
Topic = Annotated[str | None, typer.Option(help="Only events from this topic.")]
Key = Annotated[str | None, typer.Option(help="Only records with this key.")]
Since = Annotated[
    Any, typer.Option(parser=time_ms, metavar="TIME", help="Only letters from then on; UTC unless it says.")
]
Until = Annotated[Any, typer.Option(parser=time_ms, metavar="TIME", help="Only letters from before then.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, values in full.")]


def _wanted(reason: str | None, topic: str | None, key: str | None, since: int | None, until: int | None) -> Wanted:
    return Wanted(reason, topic, None if key is None else key.encode(), since, until)


@app.command("list")
def show_some(
    reason: Reason = None,
    topic: Topic = None,
    key: Key = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many, the newest.")] = 20,
    *,
    as_json: AsJson = False,
) -> None:
    """Count the dead letters by reason and print the newest, oldest first."""
    settings = settings_and_logs()
    letters = Letters(settings)
    reasons, newest = run(settings, _newest(letters, _wanted(reason, topic, key, since, until), limit))
    if as_json:
        typer.echo(json.dumps(document(reasons, newest, letters), ensure_ascii=False))
        return
    counts = ", ".join(f"{number} {name}" for name, number in reasons.most_common())
    typer.echo(f"{reasons.total()} dead letters" + (f": {counts}" if counts else ""))
    if letters.foreign:
        typer.echo(f"{letters.foreign} records are no dead letters: another program writes to this topic", err=True)
    for found in newest:
        typer.echo(line(found, letters))


@app.command()
def show(
    place: Annotated[
        str, typer.Argument(help="As `list` prints it: topic[partition]@offset, with #index in an array.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Print one letter in full, and whether its event can be published again; exit code 2 if there is none."""
    settings = settings_and_logs()
    letters = Letters(settings)
    _, newest = run(settings, _newest(letters, Wanted(place=place), 1))
    if not newest:
        typer.echo(f"there is no dead letter {place!r}", err=True)
        raise typer.Exit(SettingsError.exit_code)
    shown = plain(newest[0], letters) | {"refused": refusal(settings, newest[0].letter)}
    if as_json:
        typer.echo(json.dumps(shown, ensure_ascii=False))
        return
    for name, value in shown.items():
        typer.echo(f"{name}\t{'' if value is None else printable(str(value))}")


@app.command()
def replay(
    reason: Reason = None,
    topic: Topic = None,
    key: Key = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Publish at most this many, the oldest.")] = None,
    *,
    again: Annotated[bool, typer.Option("--again", help="Also those that were replayed and not taken again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Publish events again, with their key, to the partition they came from; each once, however often this is run."""
    settings = settings_and_logs()
    wanted = _wanted(reason, topic, key, since, until)
    done = run(settings, publish_again(settings, wanted, limit, again=again, dry_run=dry_run))
    if as_json:
        counts = {"published": done.published, "before": done.before, "refused": dict(done.refused)}
        typer.echo(json.dumps(counts | {"dry_run": dry_run}))
    else:
        _report(done, dry_run=dry_run)


def _report(done: Replayed, *, dry_run: bool) -> None:
    typer.echo(f"{done.published} events {'would be' if dry_run else 'were'} published again")
    if done.before:
        typer.echo(f"{done.before} were replayed before")
    for reason, number in done.refused.most_common():
        typer.echo(f"{number} not: {reason}")


async def _newest(letters: Letters, wanted: Wanted, limit: int) -> tuple[Counter[str], deque[Found]]:
    reasons, newest = Counter[str](), deque[Found](maxlen=limit)
    async for found in letters.read(wanted):
        reasons[found.letter.reason] += 1
        newest.append(found)
    return reasons, newest
