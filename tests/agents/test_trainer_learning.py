"""A cut holds everything of one moment: learners restored from cuts go on exactly as one that never stopped."""

import random
from collections import Counter
from dataclasses import replace

import numpy as np
from streamvq_client.partitioner import partition_of
from streamvq_client.rows import decode_history

from agents.cut import Cut
from agents.learning import Learning
from agents.micro_batch import MicroBatch, Position
from agents.training_batch import training_batch
from pipeline.catalogue import Catalogue
from pipeline.changes import Changes
from pipeline.config import ModelConfig, Task
from pipeline.histories import Histories, HistoryState
from pipeline.learner import Learner
from schemas import assignments
from schemas.events import Exposure
from schemas.parameters import COMMIT_KEY, CONFIG_KEY, ChangesBuilder, decode_commit
from tables.transaction import Record

CONFIG = ModelConfig(tasks=(Task("click"),), dim=8, id_dim=8, hidden=8, batch=16, codes=4, start_steps=3)
PARTITIONS = 3
Rows = dict[bytes, bytes]


class Kafka:
    """What cuts leave behind."""

    def __init__(self) -> None:
        self.parameters: Rows = {}
        self.state: Rows = {}
        self.histories: dict[int, dict[bytes, bytes | None]] = {partition: {} for partition in range(PARTITIONS)}
        self.exposures: Counter[str] = Counter()

    def take(self, cut: Cut) -> None:
        assert cut.parameters[-1][0] == COMMIT_KEY
        for records, rows in ((cut.parameters, self.parameters), (cut.state, self.state)):
            for key, value in records:
                if value is None:
                    rows.pop(key, None)
                else:
                    rows[key] = value
        for partition, changed in cut.histories.items():
            assert all(partition_of(user, PARTITIONS) == partition for user in changed)
            self.histories[partition] |= changed
        for partition, data in cut.blocks:
            block = assignments.decode(data)
            assert block.version == cut.commit.version
            assert {partition_of(item.encode(), PARTITIONS) for item in block.ids} == {partition}
            self.exposures.update(dict(zip(block.ids, block.exposures.tolist(), strict=True)))

    def load(self, partition: int, user: bytes) -> bytes | None:
        return self.histories[partition].get(user)


def changes(rows: Rows) -> Changes:
    builder = ChangesBuilder()
    for key, value in rows.items():
        if key not in {COMMIT_KEY, CONFIG_KEY}:
            builder.add(key, value)
    return builder.take()


def restored(kafka: Kafka) -> Learning:
    learner = Learner(CONFIG, catalogue=catalogue())
    learner.restore(changes(kafka.parameters), changes(kafka.state))
    offsets = decode_commit(kafka.parameters[COMMIT_KEY]).offsets
    return Learning(learner, {p: Position(offset) for p, offset in offsets.items()}, kafka.load, announce=False)


def begun(kafka: Kafka) -> Learning:
    positions = {partition: Position(0) for partition in range(PARTITIONS)}
    return Learning(Learner(CONFIG, catalogue=catalogue()), positions, kafka.load, announce=True)


def catalogue() -> Catalogue:
    items = Catalogue()
    for number in range(40):
        items.put(f"i{number}", {})
    return items


def batches(n: int) -> list[MicroBatch[Exposure, Record]]:
    rng, made = random.Random(3), []  # noqa: S311
    for number in range(n):
        exposures = [
            Exposure(
                f"u{rng.randrange(9)}", f"i{rng.randrange(40)}", 1000 * number + i, {"click": rng.randrange(2)}, {}, {}
            )
            for i in range(CONFIG.batch)
        ]
        made.append(MicroBatch(exposures, [], {number % PARTITIONS: Position(number + 1, number % 2)}))
    return made


def test_learners_restored_from_cuts_equal_one_that_never_stopped() -> None:
    stream = batches(24)
    whole, parts = Kafka(), Kafka()
    steady = begun(whole)
    for batch in stream:
        steady.learn(batch)
    whole.take(steady.cut(1, 0, 0.0))
    learning = begun(parts)
    for version, begin in enumerate(range(0, 24, 5)):  # before and after the codebook starts
        for batch in stream[begin : begin + 5]:
            learning.learn(batch)
        parts.take(learning.cut(version, 0, 0.0))
        learning = restored(parts)
    assert whole.exposures == parts.exposures
    assert whole.histories == parts.histories
    for one, other in ((whole.parameters, parts.parameters), (whole.state, parts.state)):
        assert one.keys() == other.keys()
        assert [key for key in one if one[key] != other[key] and key != COMMIT_KEY] == []
    one, other = (decode_commit(kafka.parameters[COMMIT_KEY]) for kafka in (whole, parts))
    assert (one.clock, one.offsets, one.within) == (other.clock, other.offsets, other.within)
    assert one.within


def test_ids_not_seen_for_long_leave_with_a_tombstone() -> None:
    config = replace(CONFIG, expire_after=16 * 200)
    learning = Learning(Learner(config), {0: Position(0)}, lambda *_: None, announce=True)
    often = [Exposure("u", "often", 1, {"click": 1.0}, {}, {})] * config.batch
    learning.learn(MicroBatch([Exposure("v", "once", 1, {"click": 1.0}, {}, {})] * config.batch, [], {}))
    before = learning.cut(1, 0, 0.0)
    for _ in range(256):
        learning.learn(MicroBatch(often, [], {}))
    cut = learning.cut(2, 0, 0.0)
    gone = {key for key, value in cut.state if value is None}
    assert {b"item/once", b"user/v", b"statistics/once"} <= gone
    assert {key for key, value in cut.parameters if value is None} >= {b"item/once", b"user/v"}
    assert {b"item/once", b"statistics/once"} <= {key for key, _ in before.state}
    assert (before.histories[0].keys(), cut.histories[0][b"v"]) == ({b"v"}, None)


def test_an_erased_user_leaves_nothing_and_may_come_back() -> None:
    kafka = Kafka()
    learning, stream = begun(kafka), batches(6)
    learning.learn(stream[0])
    learning.learn(stream[1])
    kafka.take(learning.cut(1, 0, 0.0))
    learning.learn(stream[2])
    learning.learn(MicroBatch([], [], {0: Position(9)}, erased=["u1", "nobody"]))
    cut = learning.cut(2, 0, 0.0)
    kafka.take(cut)
    home = partition_of(b"u1", PARTITIONS)
    assert kafka.histories[home][b"u1"] is None
    assert b"user/u1" not in kafka.parameters.keys() | kafka.state.keys()
    assert b"user/u2" in kafka.parameters.keys() & kafka.state.keys()
    assert (b"user/nobody", None) not in cut.parameters
    assert cut.commit.metrics["erased"] == 2
    learning.learn(MicroBatch([Exposure("u1", "i1", 99_000, {"click": 1.0}, {}, {})], [], {}))
    kafka.take(learning.cut(3, 0, 0.0))
    back = decode_history(kafka.histories[home][b"u1"] or b"")
    assert (back.items, back.times) == (["i1"], [99_000])


def test_nothing_changed_is_no_version() -> None:
    learning = begun(Kafka())
    assert learning.moved  # the first version: readers get a model before the first event
    learning.cut(1, 0, 0.0)
    assert not learning.moved
    learning.learn(MicroBatch([], [], {2: Position(8)}))
    assert learning.moved
    cut = learning.cut(2, 0, 0.0)
    assert cut.commit.offsets == {0: 0, 1: 0, 2: 8}
    assert (cut.blocks, cut.histories) == ([], {})


def test_dead_letters_are_counted_by_reason() -> None:
    learning = begun(Kafka())
    letters = [Record(None, b"x", [("reason", reason)]) for reason in (b"not_json", b"wrong_type", b"not_json")]
    learning.learn(MicroBatch([], letters, {0: Position(1)}))
    assert learning.cut(1, 0, 0.0).reasons() == {"not_json": 2, "wrong_type": 1}


def test_a_history_on_its_way_to_the_table_is_read_as_it_will_be() -> None:
    kafka = Kafka()
    learning = begun(kafka)
    learning._histories.users = 1  # memory for one user: the others are read back
    exposures = [Exposure(f"u{i % 3}", f"i{i}", 1000 + i, {"click": 1.0}, {}, {}) for i in range(12)]
    learning.learn(MicroBatch(exposures[:6], [], {0: Position(1)}))
    cut = learning.cut(1, 0, 0.0)
    learning.learn(MicroBatch(exposures[6:], [], {0: Position(2)}))
    kafka.take(cut)
    kafka.take(learning.cut(2, 0, 0.0))
    rows = {user: decode_history(row) for rows in kafka.histories.values() for user, row in rows.items()}
    assert rows[b"u1"].items == ["i1", "i4", "i7", "i10"]
    assert len(rows) == 3


def test_histories_are_as_of_before_each_exposure() -> None:
    histories = Histories(10)
    histories.put("u", HistoryState(("old",), (1000,)))
    exposures = [
        Exposure("u", "a", 2000, {"click": 1.0}, {}, {}),
        Exposure("u", "b", 2000, {"click": 0.0}, {"age": 3}, {}),  # at the same time: not before
        Exposure("u", "c", 3500, {}, {}, {"hour": 9}),
        Exposure("u", "d", 500, {"click": 1.0}, {}, {}),  # late
        Exposure("v", "a", 9000, {"watch": 2.0}, {}, {}),
    ]
    batch = training_batch(exposures, histories, ["click", "watch"])
    assert [list(items) for items in batch.history_items] == [["old"], ["old"], ["old", "a"], [], []]
    assert [list(ages) for ages in batch.history_ages] == [[1.0], [1.0], [1.5], [], []]
    missing = float("nan")
    expected = [[1, missing], [0, missing], [missing, missing], [1, missing], [missing, 2]]
    assert np.array_equal(batch.labels_bt, np.array(expected, np.float32), equal_nan=True)
    assert histories.as_of("u", 10_000) == HistoryState(("d", "old", "a"), (500, 1000, 2000))
    assert histories.as_of("v", 10_000).items == ("a",)


def test_a_stream_goes_on_behind_what_is_no_record_unless_it_stands_elsewhere_by_now() -> None:
    learning = begun(Kafka())
    learning.learn(batches(1)[0])  # reaches offset 1 of partition 0
    learning.cut(1, 0, 0.0)
    assert not learning.moved
    assert not learning.skip(0, 0, 5), "it has learnt more meanwhile"
    assert not learning.moved
    assert learning.skip(0, 1, 5)
    assert learning.moved
    assert learning.cut(2, 0, 0.0).commit.offsets[0] == 5
    assert not learning.skip(0, 1, 7)
