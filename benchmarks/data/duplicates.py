"""Which rows of a file are there twice: a 64-bit hash of every row, all columns included.

Only rows that agree in every column of the file are duplicates; two purchases of one item in one second stay two where
any column (a quantity, an invoice) tells them apart. Two different rows of 10 million get the same hash with a
probability of 3 in a million.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.arrays import AnyArray, Bools, Longs

Hashes = npt.NDArray[np.uint64]
MISSING = np.uint64(0x9E3779B97F4A7C15)


def mixed(hash_n: Hashes, value_n: AnyArray) -> Hashes:
    """Hash of (hash, value), with the finaliser of splitmix64 (Steele et al. 2014)."""
    x = hash_n * np.uint64(0x9E3779B97F4A7C15) + value_n.astype(np.int64, copy=False).view(np.uint64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def hash_columns(batch: pa.RecordBatch, names: tuple[str, ...]) -> Hashes:
    """One hash a row of these columns."""
    hashes: Hashes = np.zeros(batch.num_rows, np.uint64)
    for name in names:
        hashes = mixed(hashes, _values(batch.column(name)))
    return hashes


def first_of_each(hash_n: Hashes) -> Bools:
    """Whether each row is the first with its hash."""
    first = np.zeros(len(hash_n), np.bool_)
    first[np.unique(hash_n, return_index=True)[1]] = True
    return first


def _values(column: pa.Array) -> Longs:
    """Numbers that are equal where the values are."""
    kind = column.type
    if pa.types.is_nested(kind):
        return np.array([hash(str(value)) for value in column.to_pylist()], np.int64)
    if pa.types.is_floating(kind):
        bits: Longs = column.cast(pa.float64()).to_numpy(zero_copy_only=False).view(np.int64)
        return bits
    if pa.types.is_integer(kind):
        numbers: Longs = column.cast(pa.int64(), safe=False).fill_null(int(MISSING.view(np.int64))).to_numpy()
        return numbers
    encoded = column.dictionary_encode()
    table = np.array([*(hash(value) for value in encoded.dictionary.to_pylist()), MISSING.view(np.int64)], np.int64)
    values: Longs = table[encoded.indices.fill_null(len(table) - 1).to_numpy(zero_copy_only=False)]
    return values
