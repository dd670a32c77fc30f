"""Steps, and the cut that the next transaction publishes: model, histories, placements and positions of one moment."""

from collections.abc import Callable, Mapping, Sequence

from streamvq_client.partitioner import partition_of
from streamvq_client.rows import HistoryRow, decode_history, encode

from agents.cut import Cut, Progress
from agents.micro_batch import MicroBatch, Position
from agents.placements import placements
from agents.training_batch import training_batch
from pipeline.balance import perplexity
from pipeline.batch import StepReport
from pipeline.config import ModelConfig
from pipeline.histories import Histories, HistoryState
from pipeline.learner import Learner
from schemas.events import Exposure
from schemas.parameters import COMMIT_KEY, CONFIG_KEY, Commit, encode_commit, encode_config, records_of
from tables.transaction import Record

LoadHistory = Callable[[int, bytes], bytes | None]
# A code with less than this share of the mean mass files next to nothing.
USED_SHARE = 0.01
# Some 20 kB each with ids of 20 letters and full histories; others are read from the table.
USERS_IN_MEMORY = 20_000


class Learning:
    """A learner with its histories and its place in the stream. Used by one thread at a time; knows no Kafka."""

    def __init__(
        self, learner: Learner, positions: Mapping[int, Position], load_history: LoadHistory, *, announce: bool
    ) -> None:
        """Go on where the learner stands.

        Args:
            learner: new or restored.
            positions: partition -> where its stream goes on; all partitions.
            load_history: row of a user, by home partition and key, as last committed.
            announce: publish the configuration with the next cut, and that cut in any case.
        """
        self.learner = learner
        self.positions = dict(positions)
        self._load = load_history
        self._histories = Histories(learner.config.history, users=USERS_IN_MEMORY, load=self._history)
        self._publishing: Mapping[str, HistoryState] = {}
        self._announce = announce
        self._progress = Progress(moved=announce)

    @property
    def config(self) -> ModelConfig:
        """The model's."""
        return self.learner.config

    @property
    def codes(self) -> int:
        """K, 0 before the codebook starts."""
        return self.learner.model.codebook.n_codes

    @property
    def moved(self) -> bool:
        """Whether a cut would hold anything new."""
        return self._progress.moved

    def learn(self, batch: MicroBatch[Exposure, Record]) -> StepReport | None:
        """Learn one batch; None if it holds no exposure."""
        progress, report = self._progress, None
        if batch.exposures:
            tasks = [task.name for task in self.config.tasks]
            report = self.learner.step(training_batch(batch.exposures, self._histories, tasks))
            progress.add(report)
            progress.exposures.update([exposure.item_id for exposure in batch.exposures])
        self.learner.forget_users(batch.erased)
        # Whoever is forgotten for not having been seen for long has a history that nobody needs any more.
        for user in (*batch.erased, *self.learner.take_forgotten_users()):
            self._histories.erase(user)
        progress.erased += len(batch.erased)
        progress.dead_letters += batch.refused
        progress.moved = True
        self.positions |= batch.reached
        return report

    def skip(self, partition: int, offset: int, reached: int) -> bool:
        """Move a partition over what is no record; False if its stream does not stand at `offset` any more."""
        if self.positions[partition] != Position(offset):
            return False
        self.positions[partition] = Position(reached)
        self._progress.moved = True
        return True

    def cut(self, version: int, now_ms: int, publish_ms: float, empty: Sequence[int] = ()) -> Cut:
        """What changed since the last cut, which must have been committed. Later steps change nothing of it.

        Codes that hold no item (`empty`) may move with it.
        """
        progress, self._progress = self._progress, Progress()
        moved = self.learner.reseed(empty)
        # Before the changes are taken: placing items is the last thing that these parameters do.
        blocks = placements(self.learner, version, progress.exposures, len(self.positions))
        parameters, state = self.learner.take_changes()
        self._publishing = self._histories.take_dirty()
        metrics = progress.metrics() | self._balance() | {"codes_moved": len(moved)}
        commit = self._commit(version, now_ms, publish_ms, metrics)
        config = [(CONFIG_KEY, encode_config(self.config))] if self._announce else []
        closing = (COMMIT_KEY, encode_commit(commit))
        self._announce = False
        return Cut(
            commit,
            [*config, *records_of(parameters), closing],
            [*records_of(state), closing],
            self._history_rows(self._publishing),
            blocks,
            progress.dead_letters,
        )

    def _commit(self, version: int, now_ms: int, publish_ms: float, metrics: dict[str, float]) -> Commit:
        return Commit(
            version=version,
            clock=self.learner.clock,
            offsets={partition: position.offset for partition, position in self.positions.items()},
            within={partition: position.within for partition, position in self.positions.items() if position.within},
            config_hash=self.config.hash(),
            time_ms=now_ms,
            publish_ms=publish_ms,
            metrics=metrics,
        )

    def _balance(self) -> dict[str, float]:
        counts = self.learner.model.codebook.counts_k
        used = int((counts > USED_SHARE * counts.mean()).sum()) if len(counts) else 0
        return {"codes": len(counts), "codes_used": used, "perplexity": perplexity(counts)}

    def _history(self, user: str) -> HistoryState | None:
        # What is on its way to the table is not in it yet; memory may have dropped it since the cut.
        state = self._publishing.get(user)
        if state is not None:
            return state
        key = user.encode()
        value = self._load(partition_of(key, len(self.positions)), key)
        if value is None:
            return None
        row = decode_history(value)
        return HistoryState(tuple(row.items), tuple(row.times))

    def _history_rows(self, changed: Mapping[str, HistoryState]) -> dict[int, dict[bytes, bytes | None]]:
        rows: dict[int, dict[bytes, bytes | None]] = {}
        for user, state in changed.items():
            key = user.encode()
            value = encode(HistoryRow(list(state.items), list(state.times))) if state.items else None
            rows.setdefault(partition_of(key, len(self.positions)), {})[key] = value
        return rows
