"""Dense tensors in parts that fit into a Kafka record."""

from collections.abc import Iterator

import numpy as np
from streamvq_client.errors import FormatError

from schemas.arrays import CHUNK, Array, Header, encode_header, little_endian, parse_header

CHUNK_BYTES = 512 * 1024


def encode_chunks(tensor: Array) -> Iterator[bytes]:
    """The tensor in values of at most `CHUNK_BYTES` and a header, at least one."""
    whole = little_endian(tensor)
    data = whole.tobytes()
    for start in range(0, max(len(data), 1), CHUNK_BYTES):
        yield encode_header(CHUNK, whole.dtype, whole.shape, start) + data[start : start + CHUNK_BYTES]


class TensorParts:
    """The parts of one tensor by their first byte. A part of another shape or type begins the tensor anew."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._header: Header | None = None
        self._parts: dict[int, bytes] = {}

    def add(self, value: bytes) -> None:
        """Take one part; FormatError if it is none."""
        header = parse_header(value)
        if header.kind != CHUNK:
            raise FormatError(f"tensor {self._name}: a record is not a part of a tensor")
        if self._header is None or (header.dtype, header.shape) != (self._header.dtype, self._header.shape):
            self._header, self._parts = header, {}
        self._parts[header.start] = value[header.size :]

    def join(self) -> Array:
        """The whole tensor, writable; FormatError if bytes are missing or too many."""
        header, whole = self._header, bytearray()
        if header is None:
            raise FormatError(f"tensor {self._name}: no part of it was read")
        # From part to part, not in the order of keys: parts left over from another CHUNK_BYTES are never met.
        while len(whole) < header.total:
            part = self._parts.get(len(whole))
            if not part:
                raise FormatError(f"tensor {self._name}: bytes from {len(whole)} of {header.total} are missing")
            whole += part
        if len(whole) != header.total:
            raise FormatError(f"tensor {self._name}: {len(whole)} bytes for {header.dtype}{header.shape}")
        return np.frombuffer(whole, header.dtype).reshape(header.shape)
