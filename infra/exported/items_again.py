"""The items of an export as candidates, for another Kafka or another prefix."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from infra.event_files import Published
from infra.exported.manifest import Manifest


@dataclass(frozen=True, slots=True)
class ExportedItems:
    """Every item that somebody published, as it was published; bare ones come back with their exposures."""

    folder: Path
    manifest: Manifest

    def read(self, skip: int) -> Iterator[tuple[float, Published]]:
        """Share of the file that is read, and the next candidate."""
        total = max(self.manifest.files["items.parquet"].rows, 1)
        for number, row in enumerate(islice(self._rows(), skip, None), skip + 1):
            yield number / total, row

    def digest(self) -> str:
        """Of the export."""
        return self.manifest.digest[:16]

    def settings(self) -> dict[str, Any]:
        """Nothing says which features are wanted there."""
        return {}

    def _rows(self) -> Iterator[Published]:
        for batch in pq.ParquetFile(self.folder / "items.parquet").iter_batches():
            published = batch.column("published").cast("int64").to_pylist()
            for place, row in enumerate(batch.to_pylist()):
                if not row["bare"]:
                    yield _candidate(row, published[place])


def _candidate(row: dict[str, Any], published: int) -> Published:
    body = {
        "item_id": row["item_id"],
        "timestamp": published,
        "features": msgspec.Raw(row["features"].encode()),
        "attributes": msgspec.Raw(row["attributes"].encode()),
    }
    return Published(msgspec.json.encode(body), None, row["item_id"])
