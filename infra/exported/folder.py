"""The index as a folder of Parquet files.

`items.parquet`     item_id, published, bare, features and attributes (JSON)
`index.parquet`     item_id, clusters (one a facet), bias (one a task), popularity, exposures, version, time, published
`vectors.parquet`   item_id, vector (d), bias (T), log_share
`clusters.parquet`  cluster, items, exposures, time, code (d; null where the model has none)

Times are UTC. `manifest.json` names files, rows, checksums and the model's version, and is written last.
"""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from infra.exported.index import Block, Index
from infra.exported.manifest import (
    FORMAT,
    KIND,
    ExportError,
    FileEntry,
    Manifest,
    file_entry,
    model_entry,
    write_manifest,
)
from pipeline.arrays import Floats

Show = Callable[[float], None]

TIME = pa.timestamp("ms", tz="UTC")
ITEMS = pa.schema(
    [
        ("item_id", pa.string()),
        ("published", TIME),
        ("bare", pa.bool_()),
        ("features", pa.string()),
        ("attributes", pa.string()),
    ]
)
INDEX = pa.schema(
    [
        ("item_id", pa.string()),
        ("clusters", pa.list_(pa.int32())),
        ("bias", pa.list_(pa.float32())),
        ("popularity", pa.list_(pa.float64())),
        ("exposures", pa.int64()),
        ("version", pa.int64()),
        ("time", TIME),
        ("published", TIME),
    ]
)


def require_absent(path: Path) -> None:
    """ExportError where there is something already."""
    if path.exists():
        raise ExportError(f"{path} exists, and is not overwritten: give another name")


def write_folder(folder: Path, index: Index, show: Show = lambda _: None) -> Manifest:
    """Write it, whole or not at all.

    Raises:
        ExportError: there is such a folder already, or it cannot be written.
    """
    require_absent(folder)
    partial = folder.with_name(f"{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        files = _write_items(partial, index, show) | {"clusters.parquet": _write_clusters(partial, index)}
        now = datetime.now(UTC).isoformat(timespec="seconds")
        entry = model_entry(index.model, index.commit, index.tasks)
        manifest = Manifest(KIND, FORMAT, version("streamvq"), now, index.prefix, entry, files)
        write_manifest(partial, manifest)
        for written in partial.iterdir():
            with written.open("rb") as file:
                os.fsync(file.fileno())
        partial.rename(folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise ExportError(f"{folder} cannot be written: {error}") from error
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return manifest


def _write_items(folder: Path, index: Index, show: Show) -> dict[str, FileEntry]:
    config = index.model.config
    vectors = pa.schema(
        [
            ("item_id", pa.string()),
            ("vector", pa.list_(pa.float32(), config.dim)),
            ("bias", pa.list_(pa.float32(), config.n_tasks)),
            ("log_share", pa.float64()),
        ]
    )
    tables: dict[str, tuple[pa.Schema, Callable[[Block], Any]]] = {
        "items.parquet": (ITEMS, _items),
        "index.parquet": (INDEX, _index),
        "vectors.parquet": (vectors, lambda block: _vectors(block, vectors)),
    }
    writers = {name: pq.ParquetWriter(folder / name, schema) for name, (schema, _) in tables.items()}
    rows = dict.fromkeys(tables, 0)
    try:
        for block in index.blocks(show):
            for name, (_, make) in tables.items():
                table = make(block)
                writers[name].write_table(table)
                rows[name] += len(table)
    finally:
        for writer in writers.values():
            writer.close()
    return {name: file_entry(folder / name, count) for name, count in rows.items()}


def _items(block: Block) -> Any:
    rows = block.items
    return pa.table(
        {
            "item_id": block.ids,
            "published": pa.array([row.published for row in rows], TIME),
            "bare": [row.bare for row in rows],
            "features": [msgspec.json.encode(row.features).decode() for row in rows],
            "attributes": [msgspec.json.encode(row.attributes).decode() for row in rows],
        },
        ITEMS,
    )


def _index(block: Block) -> Any:
    filed = [(name, row) for name, row in zip(block.ids, block.index, strict=True) if row is not None]
    columns: dict[str, Any] = {"item_id": [name for name, _ in filed]}
    for field in INDEX.names[1:]:
        columns[field] = pa.array([getattr(row, field) for _, row in filed], INDEX.field(field).type)
    return pa.table(columns, INDEX)


def _vectors(block: Block, schema: Any) -> Any:
    columns = {
        "item_id": pa.array(block.ids),
        "vector": _lists(block.vectors_nd),
        "bias": _lists(block.bias_nt),
        "log_share": pa.array(block.log_share_n),
    }
    return pa.table(columns, schema)


def _lists(values_nd: Floats) -> Any:
    flat = pa.array(np.ascontiguousarray(values_nd, np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, values_nd.shape[1])


def _write_clusters(folder: Path, index: Index) -> FileEntry:
    codes = index.model.codebook.codes_kd
    known = set(index.clusters) | set(range(0 if codes is None else len(codes)))
    numbers = sorted(known)
    rows = [index.clusters.get(number) for number in numbers]
    table = pa.table(
        {
            "cluster": pa.array(numbers, pa.int32()),
            "items": pa.array([row.items if row else 0 for row in rows], pa.int64()),
            "exposures": pa.array([row.exposures if row else 0 for row in rows], pa.int64()),
            "time": pa.array([row.time if row else None for row in rows], TIME),
            "code": pa.array(
                [
                    codes[number].tolist() if codes is not None and 0 <= number < len(codes) else None
                    for number in numbers
                ],
                pa.list_(pa.float32(), index.model.config.dim),
            ),
        }
    )
    pq.write_table(table, folder / "clusters.parquet")
    return file_entry(folder / "clusters.parquet", len(table))
