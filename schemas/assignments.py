"""Blocks of placements, trainer to indexers: one block is one Kafka record for one home partition.

msgpack array: [format, version, clock, facets, tasks, half-lives, ids, then four columns as raw little-endian bytes].
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta
from streamvq_client.errors import FormatError
from streamvq_client.partitioner import partition_of
from streamvq_client.versioned import decoder

from schemas.limits import RECORDS

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Width = Annotated[int, Meta(ge=0, le=65_535)]
Ids = Annotated[list[str], Meta(max_length=RECORDS.block_rows)]


@dataclass(frozen=True, slots=True, eq=False)
class AssignmentBlock:
    """Placements of n items by one version of the model.

    Attributes:
        version: the model's.
        clock: training events when they were placed.
        ids: the items'.
        clusters: (n, facets) int32, -1 = not filed.
        bias: (n, tasks) float32.
        popularity: (n, half-lives) float64, forward-decayed log counts.
        exposures: (n,) uint32, counted since the last block that named the item.
    """

    version: int
    clock: int
    ids: list[str]
    clusters: npt.NDArray[np.int32]
    bias: npt.NDArray[np.float32]
    popularity: npt.NDArray[np.float64]
    exposures: npt.NDArray[np.uint32]

    def __post_init__(self) -> None:
        for name in ("clusters", "bias", "popularity", "exposures"):
            column: npt.NDArray[Any] = getattr(self, name)
            if column.ndim != (1 if name == "exposures" else 2) or len(column) != len(self.ids):
                raise ValueError(f"{name} has shape {column.shape} for {len(self.ids)} items")

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: npt.NDArray[np.intp]) -> "AssignmentBlock":
        """Only these rows, in this order."""
        return AssignmentBlock(
            self.version,
            self.clock,
            [self.ids[row] for row in rows.tolist()],
            self.clusters[rows],
            self.bias[rows],
            self.popularity[rows],
            self.exposures[rows],
        )

    def split(self, partitions: int, max_rows: int = RECORDS.block_rows) -> Iterator[tuple[int, "AssignmentBlock"]]:
        """(home partition, block) for each partition concerned, blocks of at most `max_rows`, order kept."""
        homes = np.fromiter((partition_of(item.encode(), partitions) for item in self.ids), np.int32, len(self.ids))
        for partition in np.unique(homes).tolist():
            rows = np.flatnonzero(homes == partition)
            for begin in range(0, len(rows), max_rows):
                yield partition, self.take(rows[begin : begin + max_rows])


class _Wire(msgspec.Struct, array_like=True, tag=1):
    version: Count
    clock: Count
    facets: Width
    tasks: Width
    half_lives: Width
    ids: Ids
    clusters: bytes
    bias: bytes
    popularity: bytes
    exposures: bytes


_encoder = msgspec.msgpack.Encoder()
_decode = decoder(_Wire, name="assignment block", wire=msgspec.msgpack)


def encode(block: AssignmentBlock) -> bytes:
    """The block as it is written to Kafka."""
    return _encoder.encode(
        _Wire(
            block.version,
            block.clock,
            block.clusters.shape[1],
            block.bias.shape[1],
            block.popularity.shape[1],
            block.ids,
            np.asarray(block.clusters, "<i4").tobytes(),
            np.asarray(block.bias, "<f4").tobytes(),
            np.asarray(block.popularity, "<f8").tobytes(),
            np.asarray(block.exposures, "<u4").tobytes(),
        )
    )


def decode(value: bytes) -> AssignmentBlock:
    """The block in these bytes, its arrays read-only; FormatError if they hold none."""
    wire = _decode(value)
    n = len(wire.ids)
    return AssignmentBlock(
        wire.version,
        wire.clock,
        wire.ids,
        _column("clusters", wire.clusters, "<i4", (n, wire.facets)),
        _column("bias", wire.bias, "<f4", (n, wire.tasks)),
        _column("popularity", wire.popularity, "<f8", (n, wire.half_lives)),
        _column("exposures", wire.exposures, "<u4", (n,)),
    )


def _column(name: str, data: bytes, dtype: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    wanted = np.dtype(dtype).itemsize
    for length in shape:
        wanted *= length
    if len(data) != wanted:
        raise FormatError(f"not an assignment block: {name} has {len(data)} bytes for {shape}")
    return np.frombuffer(data, dtype).reshape(shape)
