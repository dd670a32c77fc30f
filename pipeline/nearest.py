"""The nearest code of each vector, by matrix products of a size that stays in a core's cache."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import torch

from pipeline.arrays import Floats, Ints
from pipeline.native import native_least

CODES: Final = 1024
NUMBERS: Final = 256 * CODES
"""Codes and numbers of one product: 1 MiB, read once where it was written."""
WORTH_THREADS: Final = 1 << 22
"""Distances that are worth starting threads for."""
STRIDE: Final = 64
SMALLEST: Final = 1e-15
"""Of a weight: its square, and what it weighs, must not be too small for single precision."""


def nearest(
    vectors_nd: Floats, codes_kd: Floats, weights_k: Floats, present_n: Ints, hysteresis: float
) -> tuple[Ints, Floats]:
    """argmin_k ||e_k - v|| w_k, where the distance to the present code counts (1 - hysteresis) times.

    Compared are squares, ||e - v||² w²: they are in the same order, and need no root.

    Args:
        vectors_nd: the vectors.
        codes_kd: what they are compared with, at least one.
        weights_k: w, not negative; of equal ones the first is taken.
        present_n: present code of each vector, -1 for none.
        hysteresis: within 0..1.

    Returns:
        A code a vector, (n,), and the square of its weighted distance, (n,).
    """
    codes = _Codes(codes_kd, _squares(codes_kd), np.square(np.maximum(weights_k, np.float32(SMALLEST))))
    threads = torch.get_num_threads()
    if threads == 1 or len(vectors_nd) * len(codes_kd) < WORTH_THREADS:
        return _nearest(vectors_nd, codes, present_n, hysteresis)
    # A product is too small to be shared between threads: they would wait for each other after each.
    parts = [slice(*ends) for ends in pairwise(len(vectors_nd) * part // threads for part in range(threads + 1))]
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        found = list(pool.map(lambda part: _nearest(vectors_nd[part], codes, present_n[part], hysteresis), parts))
    torch.set_num_threads(threads)  # of threads that begin later: the number is each thread's own
    chosen, least = zip(*found, strict=True)
    return np.concatenate(chosen), np.concatenate(least)


class _Codes(NamedTuple):
    vectors_kd: Floats
    squares_k: Floats
    weights_k: Floats


def _nearest(vectors_nd: Floats, of: _Codes, present_n: Ints, hysteresis: float) -> tuple[Ints, Floats]:
    chosen_n, least_n = np.zeros(len(vectors_nd), np.int32), np.full(len(vectors_nd), np.inf, np.float32)
    kept_n, squares_n = np.full(len(vectors_nd), np.inf, np.float32), _squares(vectors_nd)
    vectors, codes = torch.from_numpy(vectors_nd), torch.from_numpy(of.vectors_kd)
    space, rows = torch.empty(NUMBERS), NUMBERS // min(CODES, len(codes))
    for first in range(0, len(codes), CODES):
        block_k = slice(first, first + CODES)
        codes_dk = codes[block_k].T
        for begin in range(0, len(vectors), rows):
            block_n = slice(begin, begin + rows)
            part_nd = vectors[block_n]
            products_nk = space[: len(part_nd) * codes_dk.shape[1]].view(len(part_nd), codes_dk.shape[1])
            torch.mm(part_nd, codes_dk, out=products_nk)
            _fold(
                products_nk.numpy(), squares_n[block_n], of.squares_k[block_k], of.weights_k[block_k], first,
                present_n[block_n], chosen_n[block_n], least_n[block_n], kept_n[block_n],
            )  # fmt: skip
    kept_n *= np.float32((1 - hysteresis) ** 2)
    stays_n = (kept_n < least_n) | ((kept_n == least_n) & (present_n >= 0) & (present_n < chosen_n))
    return np.where(stays_n, present_n, chosen_n).astype(np.int32), np.minimum(kept_n, least_n)


def _squares(rows_nd: Floats) -> Floats:
    squares: Floats = np.einsum("nd,nd->n", rows_nd, rows_nd)
    return squares


@native_least
def _fold(
    products_nk: Floats, squares_n: Floats, squares_k: Floats, weights_k: Floats, first: int,
    present_n: Ints, chosen_n: Ints, least_n: Floats, kept_n: Floats,
) -> None:  # fmt: skip
    """Take the codes from `first` on into account; the least of each stretch first, for it needs no place."""
    two, zero = np.float32(2), np.float32(0)
    codes = products_nk.shape[1]
    for n in range(products_nk.shape[0]):
        square, least, found = squares_n[n], least_n[n], -1
        for begin in range(0, codes, STRIDE):
            least_here = np.float32(np.inf)
            for k in range(begin, min(begin + STRIDE, codes)):
                distance = max(square + squares_k[k] - two * products_nk[n, k], zero) * weights_k[k]
                least_here = min(least_here, distance)
            if least_here < least:
                least, found = least_here, begin
        if found >= 0:
            least_n[n] = least
            for k in range(found, min(found + STRIDE, codes)):
                distance = max(square + squares_k[k] - two * products_nk[n, k], zero) * weights_k[k]
                if distance <= least:
                    chosen_n[n] = first + k
                    break
        k = present_n[n] - first
        if 0 <= k < codes:
            kept_n[n] = max(square + squares_k[k] - two * products_nk[n, k], zero) * weights_k[k]
