import pytest
from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st
from murmurhash2 import murmurhash2
from streamvq_client.partitioner import SEED, partition_of

# org.apache.kafka.common.utils.UtilsTest#testMurmur2
JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize("key", JAVA)
def test_the_hash_is_javas(key: bytes) -> None:
    assert murmurhash2(key, SEED) == JAVA[key] & 0xFFFFFFFF
    assert partition_of(key, 2**31) == JAVA[key] & 0x7FFFFFFF


@given(st.binary(max_size=300), st.integers(1, 1024))
def test_a_key_lives_where_aiokafka_puts_it(key: bytes, partitions: int) -> None:
    assert partition_of(key, partitions) == (murmur2(key) & 0x7FFFFFFF) % partitions
