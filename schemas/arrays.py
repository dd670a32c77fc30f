"""An array in bytes: a small header, then the values in row-major order, everything little-endian.

    u8 format (1) · u8 kind (0 whole, 1 chunk) · u8 dtype · u8 ndim · ndim × u32 dims · [chunk: u64 first byte] · values

The kind tells a row of a table from a part of a tensor, so a record explains itself without its key.
"""

import struct
from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from streamvq_client.errors import FormatError
from streamvq_client.versioned import check_version

from schemas.limits import RECORDS

Array = npt.NDArray[Any]

FORMAT = 1
WHOLE, CHUNK = 0, 1

# The position is the code on the wire: append only.
DTYPES = tuple(
    np.dtype(name) for name in ("<f4", "<f8", "<f2", "i1", "<i2", "<i4", "<i8", "u1", "<u2", "<u4", "<u8", "?")
)
_CODES = {dtype: code for code, dtype in enumerate(DTYPES)}
_FIXED = struct.Struct("<4B")
_START = struct.Struct("<Q")


class Header(NamedTuple):
    """What stands before the values: `start` is a chunk's first byte in the whole array, `size` the header's length."""

    kind: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    size: int

    @property
    def total(self) -> int:
        """Bytes of the whole array."""
        total = self.dtype.itemsize
        for length in self.shape:
            total *= length
        return total


def parse_header(data: bytes) -> Header:
    """The header of an array or a chunk; FormatError if the bytes begin with none."""
    if len(data) < _FIXED.size:
        raise FormatError(f"not an array: {len(data)} bytes")
    version, kind, code, ndim = _FIXED.unpack_from(data)
    check_version("array", version, FORMAT)
    size = _FIXED.size + 4 * ndim + (_START.size if kind == CHUNK else 0)
    if version != FORMAT or kind not in {WHOLE, CHUNK} or code >= len(DTYPES) or len(data) < size:
        raise FormatError(f"not an array: it begins with {data[:16]!r}")
    shape = struct.unpack_from(f"<{ndim}I", data, _FIXED.size)
    # Also what an empty array declares beside its 0: numpy refuses shapes that no memory could hold.
    if ndim > RECORDS.dims or prod(max(length, 1) for length in shape) * DTYPES[code].itemsize > RECORDS.array_bytes:
        raise FormatError(f"not an array of ours: it declares {ndim} dimensions, {shape[: RECORDS.dims]}")
    start = _START.unpack_from(data, size - _START.size)[0] if kind == CHUNK else 0
    return Header(kind, DTYPES[code], shape, start, size)


def encode_array(array: Array) -> bytes:
    """Any numeric array as one value."""
    whole = little_endian(array)
    return encode_header(WHOLE, whole.dtype, whole.shape) + whole.tobytes()


def decode_array(data: bytes) -> Array:
    """The array of `encode_array`, writable; FormatError if these bytes hold none."""
    header = parse_header(data)
    if header.kind != WHOLE or header.total != len(data) - header.size:
        raise FormatError(f"not a whole array: {len(data)} bytes for {header.dtype}{header.shape}")
    return np.frombuffer(data, header.dtype, offset=header.size).reshape(header.shape).copy()


def encode_rows(values: Array) -> list[bytes]:
    """The n rows of (n, ...) as n values, each what `encode_array` gives for it."""
    rows = little_endian(values)
    header = encode_header(WHOLE, rows.dtype, rows.shape[1:])
    row_bytes = rows.nbytes // len(rows) if len(rows) else 0
    block = np.empty((len(rows), len(header) + row_bytes), np.uint8)
    block[:, : len(header)] = np.frombuffer(header, np.uint8)
    block[:, len(header) :] = rows.reshape(-1).view(np.uint8).reshape(len(rows), row_bytes)
    data, width = block.tobytes(), block.shape[1]
    return [data[begin : begin + width] for begin in range(0, len(data), width)]


def decode_rows(values: Sequence[bytes]) -> Array:
    """At least one value of `encode_rows` as (n, ...), writable; FormatError unless all have one dtype and shape."""
    header = parse_header(values[0])
    width = header.size + header.total
    if header.kind != WHOLE or set(map(len, values)) != {width}:
        raise FormatError(f"rows of one table differ: {header.dtype}{header.shape} is not the shape of all of them")
    block = np.frombuffer(b"".join(values), np.uint8).reshape(len(values), width)
    if (block[:, : header.size] != block[0, : header.size]).any():
        raise FormatError(f"rows of one table differ: {header.dtype}{header.shape} is not the shape of all of them")
    payload = np.array(block[:, header.size :], order="C")  # a copy: writable and aligned, also for one row
    return payload.reshape(-1).view(header.dtype).reshape(len(values), *header.shape)


def encode_header(kind: int, dtype: np.dtype[Any], shape: tuple[int, ...], start: int | None = None) -> bytes:
    """What stands before the values; `start` only for a chunk."""
    dims = struct.pack(f"<{len(shape)}I", *shape)
    return _FIXED.pack(FORMAT, kind, _CODES[dtype], len(shape)) + dims + (b"" if start is None else _START.pack(start))


def little_endian(array: Array) -> Array:
    """The array as it is laid out on the wire; ValueError for a type that is not written to Kafka."""
    dtype = array.dtype.newbyteorder("<")
    if dtype not in _CODES:
        raise ValueError(f"arrays of {array.dtype} are not written to Kafka")
    return np.asarray(array, dtype=dtype, order="C")
