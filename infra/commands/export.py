"""`svq export`: what streamvq holds, as files for other programs and for going back."""

import json
from pathlib import Path
from typing import Annotated

import typer

from infra.commands.kafka_reading import run, settings_and_logs

app = typer.Typer(no_args_is_help=True, help="Write what Kafka holds to files.")


@app.callback()
def _group() -> None:
    """Write what Kafka holds to files."""


@app.command()
def model(
    file: Annotated[Path, typer.Argument(help="File to write, in safetensors format. Never overwritten.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write the model's last version to a file: parameters, trainer state, configuration, position in the stream.

    Reads Kafka only; a trainer may be at work meanwhile, or none at all. `svq rollback` goes back to it.
    """
    from agents.stored_version import changes_of, read_version
    from benchmarks.data.progress import Reading
    from schemas.kafka import connection
    from schemas.model_file import ExportedModel, require_absent, write_model

    settings = settings_and_logs()
    require_absent(file)
    with Reading("Reading the model") as reading:
        stored = run(settings, read_version(connection(settings.kafka), settings.topics, reading.show))
    exported = ExportedModel(stored.commit, stored.config, changes_of(stored.parameters), changes_of(stored.state))
    with Reading(f"Writing {file.name}") as writing:
        checksum = write_model(file, exported, writing.show)
    told = {
        "file": str(file),
        "bytes": file.stat().st_size,
        "sha256": checksum,
        "version": stored.commit.version,
        "events": stored.commit.clock,
        "offsets": stored.commit.offsets,
    }
    if as_json:
        typer.echo(json.dumps(told))
        return
    typer.echo(f"{file}: version {stored.commit.version}, learnt from {stored.commit.clock:,} exposures")
    typer.echo(f"{told['bytes']:,} bytes, sha256 {checksum}")
