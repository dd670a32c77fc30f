"""`svq stats`: the index in numbers."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import typer

from infra.remote import Url, server

app = typer.Typer()


@app.command()
def stats(
    *,
    url: Url = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as the API gives it.")] = False,
) -> None:
    """Show items, clusters, how evenly they are used, the model's version and age, and what is still to be read."""
    with server(url) as asked:
        answer = asked.stats()
    if as_json:
        typer.echo(msgspec.json.encode(answer).decode())
        return
    for name, value in _lines(msgspec.to_builtins(answer)):
        typer.echo(f"{name:<20} {value}")


def _lines(answer: Mapping[str, Any]) -> list[tuple[str, str]]:
    lines = [(name, _shown(value)) for name, value in answer.items() if name != "readiness"]
    ready = answer["readiness"]
    state = "yes" if ready["ready"] else f"no, it waits for {', '.join(ready['waiting_for'])}"
    lines += [("ready", state), ("records to be read", _shown(ready["remaining"]))]
    return lines + [(f"lag of {topic['topic']}", _shown(topic["lag"])) for topic in ready["topics"]]


def _shown(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.2f}"
        case list():
            return ", ".join(map(str, value))
    return str(value)
