"""`svq retrieve`: what a server recommends."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from infra.columns import columns
from infra.conditions import filter_of, pairs_of
from infra.remote import Url, server
from schemas.errors import SettingsError

if TYPE_CHECKING:
    from streamvq_client.answers import Answer, Explanation
    from streamvq_client.questions import Quota

app = typer.Typer()

MOST_ATTRIBUTES = 60
PARTS = ("match", "bias", "popularity", "repeat")
RESTING = {
    "user": "what is known of the user",
    "history": "the history",
    "features": "features",
    "popularity": "popularity alone",
    "empty": "nothing",
}


@app.command()
def retrieve(
    user: Annotated[str | None, typer.Argument(help="User id; none: somebody not known.")] = None,
    *,
    k: Annotated[int | None, typer.Option("--k", "-k", min=1, help="Items wanted; default: server.default_k.")] = None,
    history: Annotated[
        list[str] | None,
        typer.Option(help="Item that the user liked, oldest first; again for more. Default: as known."),
    ] = None,
    feature: Annotated[
        list[str] | None, typer.Option(help="Feature of the user, name=value; again for more.", metavar="NAME=VALUE")
    ] = None,
    context: Annotated[
        list[str] | None, typer.Option(help="Feature of this moment, name=value; again for more.", metavar="NAME=VALUE")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="Only items with this: lang=de, lang!=de, price=3..5, price>=3, lang, !lang; again for more. Of one"
            " attribute any value, of several all.",
            metavar="CONDITION",
        ),
    ] = None,
    filter_json: Annotated[
        str | None, typer.Option("--filter", help="A filter as the API takes it, JSON; instead of --where.")
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="Item not wanted; again for more.")] = None,
    exclude_seen: Annotated[bool, typer.Option("--exclude-seen", help="No items of the user's history.")] = False,
    most: Annotated[
        list[str] | None,
        typer.Option(
            help="Variety: at most so many of one cluster (3) or with one value of an attribute (brand=2).",
            metavar="[NAME=]NUMBER",
        ),
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option(help="Weight of a task, name=number; again for more.", metavar="NAME=WEIGHT")
    ] = None,
    candidates: Annotated[int | None, typer.Option(min=1, help="Items that go from the index to the ranker.")] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Rank all items instead: what the index is measured by.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say of each item how it got there.")] = False,
    url: Url = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as the API gives it.")] = False,
) -> None:
    """Ask a server which items are for this user, now. An API key, where it wants one, is taken from SVQ_API_KEY."""
    from streamvq_client.questions import Query

    query = Query(
        user_id=user,
        k=k,
        history=history or None,
        features=pairs_of("--feature", feature or []),
        context=pairs_of("--context", context or []),
        filter=_filter(where or [], filter_json),
        exclude=exclude or (),
        exclude_seen=exclude_seen,
        quotas=[_quota(one) for one in most or []],
        tasks=pairs_of("--task", task or []),
        candidates=candidates,
        exact=exact,
        explain=explain,
    )
    with server(url) as asked:
        answer = asked.retrieve(query)
    if as_json:
        typer.echo(msgspec.json.encode(answer).decode())
        return
    _print(answer, explained=explain)


def _filter(where: list[str], raw: str | None) -> Any:
    if raw is None:
        return filter_of(where)
    if where:
        raise SettingsError("give --where or --filter, not both")
    try:
        return json.loads(raw)
    except ValueError as error:
        raise SettingsError(f"--filter is no JSON: {error}") from error


def _quota(text: str) -> "Quota":
    from streamvq_client.questions import Quota

    name, _, number = text.rpartition("=")
    if not number.isdecimal():
        raise SettingsError(f"--most {text}: write a number for clusters, or attribute=number")
    return Quota(most=int(number), attribute=name or None)


def _print(answer: "Answer", *, explained: bool) -> None:
    heads, rows = ["item", "score"], []
    if explained:
        heads += ["cluster", "coarse", "position", "match", "bias", "popularity", "repeat"]
    for item in answer.items:
        row: list[Any] = [item.id, item.score]
        if explained and item.explanation is not None:
            row += _explained(item.explanation)
        rows.append([*row, _attributes(item.attributes)])
    for line in columns([*heads, "attributes"], rows):
        typer.echo(line)
    typer.echo(
        f"{answer.returned} of {answer.k}, by {RESTING.get(answer.rests_on, answer.rests_on)}; version "
        f"{answer.version}, learnt from {answer.clock:,} exposures, {answer.candidates:,} items ranked",
        err=True,
    )
    if answer.why_fewer:
        typer.echo(f"fewer than asked for: {answer.why_fewer}", err=True)
    for warning in answer.warnings:
        typer.echo(f"note: {warning.detail}", err=True)


def _explained(how: "Explanation") -> list[Any]:
    tasks = how.tasks.values()
    parts = [sum(one.weight * getattr(one, part) for one in tasks) for part in PARTS]
    return [how.cluster, how.coarse_score, how.coarse_position, *parts]


def _attributes(attributes: Mapping[str, Any]) -> str:
    text = json.dumps(attributes, ensure_ascii=False) if attributes else ""
    return text if len(text) <= MOST_ATTRIBUTES else f"{text[: MOST_ATTRIBUTES - 1]}…"
