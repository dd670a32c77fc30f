"""Where a key lives: Kafka's own default, so that any Java, Faust or aiokafka producer agrees."""

from murmurhash2 import murmurhash2

SEED = 0x9747B28C


def partition_of(key: bytes, partitions: int) -> int:
    """Home partition of a key: murmur2(key) & 0x7fffffff mod partitions, as Java's default partitioner.

    Args:
        key: the id in UTF-8.
        partitions: partitions of the topic, at least 1.

    >>> partition_of(b"item-42", 4)
    2
    """
    return int(murmurhash2(key, SEED) & 0x7FFFFFFF) % partitions
