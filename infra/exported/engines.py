"""Rows as other engines take them. Their vectors are whole: an inner product with a query vector is the score.

A row's vector is [v, bias a task, gamma log p], of d + T + 1 numbers; a query's is [u, weights of the tasks, their
sum], as `svq export users` writes it. So the collection must be made with that size, and with dot or inner product.
"""

import json
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from streamvq_client.rows import NO_CLUSTER

from infra.exported.folder import require_absent
from infra.exported.index import Block, Index
from infra.exported.manifest import ExportError

NAMESPACE = uuid.UUID("5b1d5d5e-3a0e-5c5e-9d3a-7f3f0f6c2a11")  # ours, drawn once
PARQUET = (".parquet", ".pq")

Row = dict[str, Any]


def qdrant_points(block: Block, index: Index) -> Iterator[Row]:
    """Points for `client.upsert(collection, points=[PointStruct(**row), ...])`. An id there is a number or a UUID."""
    for number, vector in enumerate(block.whole_nd(index.model.config.gamma).tolist()):
        payload = _facts(block, number) | {
            "attributes": block.items[number].attributes,
            "features": block.items[number].features,
        }
        name = block.ids[number]
        identity = str(uuid.uuid5(NAMESPACE, f"{index.prefix}/{name}"))
        yield {"id": identity, "vector": vector, "payload": {"item_id": name, **payload}}


def milvus_rows(block: Block, index: Index) -> Iterator[Row]:
    """Rows for `client.upsert(collection, data=[row, ...])`: a VARCHAR key, a FLOAT_VECTOR, numbers, and JSON."""
    for number, vector in enumerate(block.whole_nd(index.model.config.gamma).tolist()):
        item = block.items[number]
        yield {
            "id": block.ids[number], "vector": vector, **_facts(block, number),
            "attributes": item.attributes, "features": item.features,
        }  # fmt: skip


def _facts(block: Block, number: int) -> Row:
    row, item = block.index[number], block.items[number]
    return {
        "cluster": NO_CLUSTER if row is None else row.clusters[0],
        "exposures": 0 if row is None else row.exposures,
        "published": item.published,
    }


def write_rows(path: Path, rows: Iterator[Sequence[Row]]) -> int:
    """Write rows as JSON lines or, by the name, as Parquet with objects as JSON text; whole or not at all.

    Raises:
        ExportError: there is such a file, or it cannot be written.
    """
    require_absent(path)
    partial = path.with_name(f"{path.name}.partial")
    write = _write_parquet if path.suffix.lower() in PARQUET else _write_lines
    try:
        count = write(partial, rows)
        partial.rename(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ExportError(f"{path} cannot be written: {error}") from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return count


def _write_lines(path: Path, blocks: Iterator[Sequence[Row]]) -> int:
    count = 0
    with path.open("wb") as file:
        for rows in blocks:
            for row in rows:
                file.write(msgspec.json.encode(row) + b"\n")
            count += len(rows)
    return count


def _write_parquet(path: Path, blocks: Iterator[Sequence[Row]]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    count, writer = 0, None
    try:
        for rows in blocks:
            plain = [{name: _plain(value) for name, value in row.items()} for row in rows]
            table = pa.Table.from_pylist(plain)
            place = table.schema.get_field_index("vector")
            vectors = table["vector"].cast(pa.list_(pa.float32()))
            table = table.set_column(place, "vector", vectors)
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
            count += len(rows)
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        raise ExportError("there are no rows to write")
    return count


def _plain(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
