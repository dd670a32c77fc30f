"""`svq config`: what the settings are, and where each comes from."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from infra.commands.init import init
from schemas import sources
from schemas.settings import Settings, load_settings

app = typer.Typer(no_args_is_help=True, help="The settings as the processes see them.")
app.command("init")(init)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def show(*, as_json: AsJson = False) -> None:
    """Print every setting as TOML, with where it comes from. Passwords stay hidden."""
    settings = load_settings()
    values = settings.model_dump(mode="json")
    if as_json:
        typer.echo(json.dumps(values))
        return
    file = sources.find_file(None)
    origins = {
        "environment": sources.read_environment(Settings),
        str(file): sources.read_file(file) if file else {},
    }
    for line in _table(values, origins, ()):
        typer.echo(line)


@app.command()
def check(*, as_json: AsJson = False) -> None:
    """Read the settings; exit code 2 with the reason if they cannot be used."""
    settings = load_settings()
    config = settings.model_config_core()
    source = sources.find_file(None) or "no file"
    if as_json:
        told = {"file": str(source), "kafka": settings.kafka.bootstrap_servers, "prefix": settings.kafka.prefix}
        names = [f"{one.side}.{one.name}" for one in config.features]
        typer.echo(json.dumps(told | {"features": names, "tasks": list(settings.tasks)}))
        return
    typer.echo(
        f"settings are fine ({source}): Kafka at {settings.kafka.bootstrap_servers}, prefix {settings.kafka.prefix}, "
        f"{len(config.features)} features, tasks {', '.join(settings.tasks)}"
    )


def _table(
    values: Mapping[str, Any], origins: Mapping[str, Mapping[str, Any]], above: tuple[str, ...]
) -> Iterator[str]:
    """Lines of a TOML table: its values, then the tables in it."""
    for name, value in values.items():
        if not isinstance(value, Mapping):
            line = f"{name} = {json.dumps(value)}" if value is not None else f"# {name} ="
            origin = next((origin for origin, held in origins.items() if sources.holds(held, (*above, name))), None)
            yield line + (f"  # {origin}" if origin else "")
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield ""
            yield f"[{'.'.join((*above, name))}]"
            yield from _table(value, origins, (*above, name))
