"""A partition's share of the clusters always adds up to the rows and exposures that it was told of."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from streamvq_client.rows import ClusterRow, decode_cluster, encode

from agents.cluster_share import ClusterShare, cluster_key

CLUSTERS = st.integers(-1, 3)
MOVES = st.lists(st.tuples(st.integers(0, 5), st.none() | CLUSTERS, st.integers(0, 4)), max_size=60)


def test_a_move_that_changes_nothing_writes_nothing() -> None:
    share = ClusterShare([])
    share.move(3, 3)
    share.add_exposures(3, 0)
    assert share.take_changed(1) == []


def test_it_continues_with_the_rows_of_the_table() -> None:
    share = ClusterShare([(b"7", encode(ClusterRow(2, 5, 1))), (b"-1", encode(ClusterRow(4, 0, 1)))])
    assert (share.items, share.filed) == (6, 2)
    share.move(-1, 7)
    assert share.take_changed(9) == [(b"-1", ClusterRow(3, 0, 9)), (b"7", ClusterRow(3, 5, 9))]
    assert share.take_changed(9) == []


@given(MOVES)
def test_rows_written_one_after_the_other_equal_what_happened(moves: list[tuple[int, int | None, int]]) -> None:
    share, table = ClusterShare([]), dict[bytes, bytes]()
    where: dict[int, int] = {}
    exposures: Counter[int] = Counter()
    for item, cluster, count in moves:
        share.move(where.get(item), cluster)
        if cluster is None:
            where.pop(item, None)
        else:
            where[item] = cluster
            share.add_exposures(cluster, count)
            exposures[cluster] += count
        table.update((key, encode(row)) for key, row in share.take_changed(1))
    rows = {int(key): decode_cluster(value) for key, value in table.items()}
    assert {c: row.items for c, row in rows.items() if row.items} == Counter(where.values())
    assert {c: row.exposures for c, row in rows.items() if row.exposures} == +exposures
    restored = ClusterShare(table.items())
    assert (restored.items, restored.filed) == (share.items, share.filed)
    assert cluster_key(-1) == b"-1"
