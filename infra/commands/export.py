"""`svq export`: what streamvq holds, as files for other programs and for going back."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.commands.kafka_reading import run, settings_and_logs
from infra.extra import evaluation_extra
from schemas.settings import Settings

if TYPE_CHECKING:
    from infra.exported.index import Block, Index

app = typer.Typer(no_args_is_help=True, help="Write what Kafka holds to files.")


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
RowsFile = Annotated[Path, typer.Argument(help="File to write: JSON lines, or .parquet. Never overwritten.")]


@app.callback()
def _group() -> None:
    """Write what Kafka holds to files."""


@app.command()
def model(
    file: Annotated[Path, typer.Argument(help="File to write, in safetensors format. Never overwritten.")],
    *,
    as_json: AsJson = False,
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


@app.command()
def index(
    folder: Annotated[Path, typer.Argument(help="Folder to write. Never overwritten.")], *, as_json: AsJson = False
) -> None:
    """Write items, index, vectors and clusters as Parquet, with a manifest of versions and checksums.

    Reads Kafka only. Vectors are those of the model's last version. `svq import` reads it again.
    """
    with evaluation_extra():
        from infra.exported.folder import require_absent, write_folder
    from benchmarks.data.progress import Reading

    require_absent(folder)
    found = _read(settings_and_logs())
    with Reading(f"Writing {folder.name}") as writing:
        manifest = write_folder(folder, found, writing.show)
    files = {name: {"rows": one.rows, "bytes": one.bytes, "sha256": one.sha256} for name, one in manifest.files.items()}
    if as_json:
        told = {"folder": str(folder), "version": manifest.model.version, "events": manifest.model.exposures}
        typer.echo(json.dumps(told | {"digest": manifest.digest, "files": files}))
        return
    typer.echo(f"{folder}: version {manifest.model.version}, learnt from {manifest.model.exposures:,} exposures")
    for name, one in files.items():
        typer.echo(f"{name}\t{one['rows']:,} rows, {one['bytes']:,} bytes, sha256 {one['sha256']}")


@app.command()
def qdrant(file: RowsFile, *, as_json: AsJson = False) -> None:
    """Write the items as points that qdrant-client upserts: PointStruct(**row) of each row. Distance: Dot."""
    from infra.exported.engines import qdrant_points

    _write(file, qdrant_points, as_json=as_json)


@app.command()
def milvus(file: RowsFile, *, as_json: AsJson = False) -> None:
    """Write the items as rows that pymilvus upserts: MilvusClient.upsert(collection, data=rows). Metric: IP."""
    from infra.exported.engines import milvus_rows

    _write(file, milvus_rows, as_json=as_json)


@app.command()
def users(file: RowsFile, *, as_json: AsJson = False) -> None:
    """Write query vectors of all users with a history, for the rows that `svq export qdrant` and `milvus` write.

    They rest on id and history; the server's answers also on features and on how long ago the user was active.
    """
    from infra.exported.engines import write_rows
    from infra.exported.folder import require_absent
    from infra.exported.index import user_vectors

    require_absent(file)
    settings = settings_and_logs()
    found = _read(settings)
    blocks = run(settings, user_vectors(settings, found))
    rows = (
        [{"user_id": name, "vector": vector} for name, vector in zip(names, vectors.tolist(), strict=True)]
        for names, vectors in blocks
    )
    _told(file, found, write_rows(file, rows), as_json=as_json)


def _read(settings: Settings) -> "Index":
    with evaluation_extra():
        from infra.exported.index import read_index
    from benchmarks.data.progress import Reading

    with Reading("Reading the index") as reading:
        return run(settings, read_index(settings, reading.show))


def _write(file: Path, made: "Callable[[Block, Index], Iterator[dict[str, Any]]]", *, as_json: bool) -> None:
    with evaluation_extra():
        from infra.exported.engines import write_rows
        from infra.exported.folder import require_absent
    from benchmarks.data.progress import Reading

    require_absent(file)
    found = _read(settings_and_logs())

    with Reading(f"Writing {file.name}") as writing:
        blocks: Iterator[Sequence[dict[str, Any]]] = (list(made(block, found)) for block in found.blocks(writing.show))
        rows = write_rows(file, blocks)
    _told(file, found, rows, as_json=as_json)


def _told(file: Path, found: "Index", rows: int, *, as_json: bool) -> None:
    config = found.model.config
    numbers = config.dim + config.n_tasks + 1
    if as_json:
        told = {"file": str(file), "rows": rows, "version": found.commit.version, "dim": numbers, "tasks": found.tasks}
        typer.echo(json.dumps(told))
        return
    typer.echo(f"{file}: {rows:,} rows of version {found.commit.version}, vectors of {numbers} numbers, inner product")
