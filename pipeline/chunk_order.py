"""Which chunks of sorted lists come first, all lists taken together: a bound, what is above it, sorted."""

from typing import Final

import numpy as np

from pipeline.native import native
from pipeline.sorted_lists import Float64, Int32, Int64

SAMPLED: Final = 1024
"""Lists that are looked at for the bound."""
BINS: Final = 1024
DIGIT: Final = 11  # bits sorted by at a time
DIGITS: Final = 6
MARGIN: Final = 8  # one more of so many, since a sample does not say it exactly


@native
def bound(scores: Float64, start: Int64, size: Int64, heads: Float64, keys: Float64, chunk: int, wanted: int) -> float:
    """A value that chunks of about `wanted` items or more begin with or above; -inf when all may be needed."""
    lists, chunks = scores.size, wanted // chunk + 1
    # Where few chunks are wanted, the first ones of the lists are enough to tell; they lie side by side.
    few = 4 * chunks <= lists
    stride, depth = (1, 1) if few else (max(lists // SAMPLED, 1), 4 * chunks // lists + 8)
    values, items = np.empty((lists // stride + 1) * depth), np.empty((lists // stride + 1) * depth, np.int64)
    n = 0
    for k in range(0, lists, stride):
        if size[k] == 0 or scores[k] == -np.inf:
            continue
        for place in range(min(depth, (size[k] + chunk - 1) // chunk)):
            values[n] = scores[k] + (heads[k] if place == 0 else keys[start[k] + place * chunk])
            items[n] = min(chunk, size[k] - place * chunk)
            n += 1
    return _reached(values[:n], items[:n], wanted if stride == 1 else wanted // stride * (MARGIN + 1) // MARGIN + 16)


@native
def _reached(values: Float64, items: Int64, quota: int) -> float:
    """A bound that values of at least `quota` items reach, by a histogram; -inf if they are not as many."""
    if values.size == 0:
        return -np.inf
    low, high = values.min(), values.max()
    width = (high - low) / BINS
    if not width > 0 or width == np.inf:
        return -np.inf
    count, reached = np.zeros(BINS, np.int64), 0
    for i in range(values.size):
        count[min(int((high - values[i]) / width), BINS - 1)] += items[i]
    for place in range(BINS):
        reached += count[place]
        if reached >= quota:
            return float(high - (place + 1.001) * width)
    return -np.inf


@native
def chunks_above(
    least: float, scores: Float64, start: Int64, size: Int64, heads: Float64, keys: Float64, chunk: int
) -> tuple[Float64, Int32, Int64]:
    """Value, list and place of the chunks that begin with `least` or more: by list, then by place."""
    active, n = np.empty(scores.size, np.int32), 0
    for k in range(scores.size):
        active[n] = k
        n += (scores[k] + heads[k] >= least) & (size[k] > 0) & (scores[k] > -np.inf)
    going, total, offset = active[:n].copy(), n, chunk
    depth_k = np.zeros(scores.size, np.int32)
    depth_k[going] = 1
    # Level by level and without a branch that waits for a key, so that the memory is asked for many of them at a time.
    while n > 0:
        kept = 0
        for i in range(n):
            k = going[i]
            inside = offset < size[k]
            here = scores[k] + keys[start[k] + (offset if inside else 0)]
            going[kept] = k
            goes_on = inside & (here >= least)
            depth_k[k] += goes_on
            kept += goes_on
        n, total, offset = kept, total + kept, offset + chunk
    value, list_of, at = np.empty(total), np.empty(total, np.int32), np.empty(total, np.int64)
    n = 0
    for k in range(scores.size):
        for level in range(depth_k[k]):
            place = start[k] + level * chunk
            value[n], list_of[n], at[n] = scores[k] + keys[place], k, place
            n += 1
    return value, list_of, at


@native
def descending(values: Float64) -> Int32:
    """Places of the values, the largest first, equal ones in the order given: sorted digit by digit."""
    n = values.size
    order, other = np.arange(n).astype(np.int32), np.empty(n, np.int32)
    digits, moved = np.empty(n, np.uint64), np.empty(n, np.uint64)
    bits, sign, mask = (values + 0.0).view(np.uint64), np.uint64(1 << 63), np.uint64((1 << DIGIT) - 1)  # no -0.0
    for i in range(n):  # as whole numbers that grow as the values fall
        digits[i] = bits[i] if bits[i] & sign else ~(bits[i] | sign)
    for digit in range(DIGITS):
        shift, count = np.uint64(DIGIT * digit), np.zeros(1 << DIGIT, np.int64)
        for i in range(n):
            count[(digits[i] >> shift) & mask] += 1
        if n == 0 or count[(digits[0] >> shift) & mask] == n:
            continue
        before = 0
        for here in range(count.size):
            count[here], before = before, before + count[here]
        for i in range(n):
            here = (digits[i] >> shift) & mask
            moved[count[here]], other[count[here]] = digits[i], order[i]
            count[here] += 1
        digits, moved, order, other = moved, digits, other, order
    return order
