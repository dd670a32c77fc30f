"""Trains a model on the exposure stream, one micro-batch a step."""

from collections.abc import Sequence

import numpy as np

from pipeline.arrays import Bools, Doubles, Floats, Ints, Longs
from pipeline.batch import Batch, Placement, StepReport
from pipeline.catalogue import Catalogue
from pipeline.changes import Changes
from pipeline.codebook import reward_weights
from pipeline.columns import Columns, columns_of
from pipeline.config import ModelConfig
from pipeline.descent import Descended, Descent
from pipeline.errors import RestoreError
from pipeline.exposure_counts import SCORES, ExposureCounts
from pipeline.features import Features
from pipeline.filing import Filing
from pipeline.inputs import Encoded, SideInputs, filled
from pipeline.layout import ITEM_TABLE, USER_TABLE
from pipeline.losses import column_terms, mixture_log_q, same_user_columns
from pipeline.model import Model
from pipeline.rankers.attentive import AttentiveRanker, FiledByName
from pipeline.rankers.calibration import Calibration
from pipeline.repeats import repeated_columns
from pipeline.trained_table import STATE_WIDTH, TrainedTable

__all__ = ["Batch", "Learner", "Placement", "StepReport"]

STEPS = "learner.steps"
EXPIRE_EVERY = 256  # steps
NONE = np.zeros(0, np.int64), np.zeros(0, np.int64)
COLUMNS_STREAM, DROPOUT_STREAM, START_STREAM, RESEED_STREAM, RANK_STREAM = range(5)


class Learner:
    """A model, its training state and the catalogue it draws negatives from.

    Every random number comes from (seed, step), so a learner restored from what another one published goes on exactly
    as that one would have, given the same batches and catalogue.

    >>> from pipeline.config import Task
    >>> learner = Learner(ModelConfig(tasks=(Task("click"),), dim=4, id_dim=4))
    >>> learner.step(Batch(["u"], ["a"], np.ones((1, 1), np.float32))).events, learner.clock
    (1, 1)
    """

    def __init__(
        self,
        config: ModelConfig,
        seed: int | None = None,
        *,
        catalogue: Catalogue | None = None,
        device: str = "cpu",
        strict: bool = True,
    ) -> None:
        """`strict`: refuse features of another type than configured, else they count as missing."""
        self.config = config
        self.seed = config.seed if seed is None else seed
        self.catalogue = Catalogue() if catalogue is None else catalogue
        self.model = Model(config, device=device, strict=strict)
        self.steps = 0
        self._tables = {
            name: TrainedTable(table, admit_after=config.admit_after, rate=config.row_rate)
            for name, table in self.model.tables.items()
        }
        self._descent = Descent(self.model, self._tables)
        self._filing = Filing(self.model)
        self._counts = ExposureCounts(config)
        self._calibration = Calibration(config.n_tasks)
        if isinstance(self.model.ranker, AttentiveRanker):
            filed = FiledByName(self.model.tables[ITEM_TABLE].ids.names, self._counts.codes)
            self.model.ranker.clusters_of = filed
        self._forgotten: list[str] = []
        self._stepped = True  # the first take carries the initial dense tensors

    @property
    def clock(self) -> int:
        """Training events so far."""
        return self.model.clock

    @property
    def items(self) -> int:
        """Items known, from the catalogue or from exposures."""
        return max(len(self.catalogue), len(self._counts))

    @property
    def calibration_errors(self) -> tuple[float, ...]:
        """Expected calibration error of each task over the latest exposures, foretold before they were learned."""
        return self._calibration.errors()

    def step(self, batch: Batch) -> StepReport:
        """Learn from one batch.

        Raises:
            BatchError: the batch does not fit together; nothing was learned.
        """
        batch.check(self.config)
        if batch.times:
            # In the middle of the batch: one wrong date must not make everything too old.
            self.catalogue.as_of(sorted(batch.times)[len(batch.times) // 2])
        inputs, unknown_before = self.model.inputs, self.model.inputs.encoder.unknown_values
        columns = self._columns(batch)
        users_in, items_in = inputs.encode_users(batch.users), inputs.encode_items(columns.ids, columns.features)
        # Nothing has been counted so far; from here on nothing refuses.
        users, items, known_c = self._look_up(batch, users_in, items_in)
        present_c = self._counts.codes(columns.ids)
        terms, prior, rng = *self._terms(batch, columns), self._rng(RANK_STREAM)
        places = {name: column for column, name in enumerate(columns.ids)}
        repeated = repeated_columns(batch.history_items, places, len(places), self.config.history)
        descended = self._descent.step(batch, columns, terms, prior, repeated, users, items, present_c, rng)
        self._calibration.update(descended.own_bt, batch.labels_bt)
        self._counts.update(columns, self.clock, self.items)
        weights_b = self._follow(batch, columns, descended, known_c)
        inputs.user_numbers.update(users_in.raw_nm)
        inputs.item_numbers.update(items_in.raw_nm)
        self._advance(len(batch))
        started = self._start_codebook(weights_b)
        unknown = inputs.encoder.unknown_values - unknown_before
        return self._report(batch, columns, descended, unknown, started=started)

    def place(self, ids: Sequence[str], features: Sequence[Features] = (), present: Ints | None = None) -> Placement:
        """File items with exactly the present parameters.

        Args:
            ids: the items.
            features: theirs; read from the catalogue when absent.
            present: clusters they are filed under, -1 for none; None: as the steps filed them last.

        Training does not notice: when versions are published must not change what the next step computes.
        """
        vectors = self.model.items(ids, features or self.catalogue.features(ids))
        before = self._counts.codes(ids) if present is None else present
        return Placement(self.model.assign(vectors.v_nd, before), vectors.bias_nt, self.popularity(ids))

    def popularity(self, ids: Sequence[str]) -> Doubles:
        """Forward-decayed log counts of items, (N, H); one never exposed has the initial count as of now."""
        return self._counts.log_counts(ids, self.clock)

    def reseed(self, empty: Sequence[int]) -> list[int]:
        """Move dead codes that hold no item to where items are crowded; at most 1 % of all codes, the first ones given.

        Only the caller knows which clusters are empty. Call it at most once a version; returns the codes moved.
        """
        return self._filing.reseed(empty, self.catalogue, self._rng(RESEED_STREAM))

    def forget_users(self, names: Sequence[str]) -> None:
        """Forget users, as if they had never been seen. What others' parameters learnt from them stays in those."""
        self._tables[USER_TABLE].forget(names)

    def take_forgotten_users(self) -> list[str]:
        """Users not seen for `expire_after`, who were forgotten since the last call."""
        forgotten, self._forgotten = self._forgotten, []
        return forgotten

    def take_changes(self) -> tuple[Changes, Changes]:
        """Parameters and state changed since the last call, as absolute values."""
        parameters, state = Changes(), Changes()
        for table in self._tables.values():
            table.take_changes(parameters, state)
        self._filing.averages.take_changes(parameters, state)
        self._counts.take_changes(state)
        if self._stepped:
            parameters.dense.update(self.model.dense())
            state.dense.update(self._descent.adam.state())
            state.dense[STEPS] = np.array([self.steps], np.int64)
            state.dense.update(self._calibration.state())
            state.dense[SCORES] = self._counts.popularity.scores.copy()
            self._stepped = False
        return parameters, state

    def restore(self, parameters: Changes, state: Changes) -> None:
        """Continue where the writer of all these changes was; this learner must be new.

        Raises:
            RestoreError: they do not fit the configuration, or belong to different cuts.
        """
        if STEPS not in state.dense:
            raise RestoreError(f"{STEPS} is missing: this is not a learner's state")
        self.model.apply(parameters)
        for name, table in self._tables.items():
            table.restore(*state.rows.get(name, ([], np.zeros((0, STATE_WIDTH)))))
        self._filing.averages.restore(state)
        self._counts.restore(state, self.model.log_mass_h, self.model.active_half_life)
        self._descent.adam.restore(state.dense)
        self._calibration.restore(self.model.calibration_t2, state.dense)
        self.steps = int(state.dense[STEPS][0])
        self._stepped = False

    def _rng(self, stream: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, self.steps, stream))

    def _columns(self, batch: Batch) -> Columns:
        given = batch.item_features or self.catalogue.features(batch.item_ids)
        features = filled(given, len(batch), "item features")
        draws = self.config.uniform_draws
        return columns_of(batch.item_ids, features, self.catalogue, draws, self._rng(COLUMNS_STREAM))

    def _look_up(self, batch: Batch, users_in: Encoded, items_in: Encoded) -> tuple[SideInputs, SideInputs, Bools]:
        """Rows of all inputs, some ids dropped; and which columns kept theirs."""
        clock = self.clock
        self._tables[ITEM_TABLE].see(batch.item_ids, clock)

        def find(table: str, names: Sequence[str]) -> Longs:
            if table == ITEM_TABLE:  # only exposures are sightings of an item
                return self.model.tables[table].ids.find(names)
            return self._tables[table].see(names, clock)

        inputs, rng, rate = self.model.inputs, self._rng(DROPOUT_STREAM), self.config.id_dropout
        users, items = inputs.users(users_in, find), inputs.items(items_in, find)
        users.rows_of(USER_TABLE)[rng.random(len(batch)) < rate] = 0
        items_n1 = items.rows_of(ITEM_TABLE)
        dropped_c = rng.random(len(items_n1)) < rate
        items_n1[dropped_c] = 0
        return users, items, ~dropped_c

    def _terms(self, batch: Batch, columns: Columns) -> tuple[Floats, Doubles]:
        """What is added to the logits of training, and the part of it that is in every score, gamma log p."""
        log_share = self.model.log_share(self._counts.log_counts(columns.ids, self.clock))
        uniform = int(columns.counts_c.sum()) - len(batch)
        left_out = len(self.catalogue) - self.catalogue.drawn
        drawn_c = self.catalogue.draws(columns.ids) if left_out else None
        log_q = mixture_log_q(log_share, self.items - left_out, len(batch), uniform, drawn_c)
        if not self.config.log_q:
            log_q = np.zeros_like(log_q)
        masked = same_user_columns(list(batch.user_ids), columns.own_b) if self.config.same_user_mask else NONE
        prior = self.config.gamma * log_share
        return column_terms(prior, log_q, columns.counts_c, columns.own_b, masked), prior

    def _follow(self, batch: Batch, columns: Columns, descended: Descended, known_c: Bools) -> Doubles:
        """Let the codes follow the batch's items; returns g of its rows."""
        exposed = [name for name, known in zip(columns.ids[: columns.n_exposed], known_c, strict=False) if known]
        codes_e = descended.codes_c[: columns.n_exposed]
        self._counts.put_codes(exposed, codes_e[known_c[: columns.n_exposed]])
        intervals_b = self._counts.intervals(columns.ids[: columns.n_exposed])[columns.own_b]
        etas = [task.eta for task in self.config.tasks]
        weights_b = reward_weights(batch.rewards(self.config), etas, intervals_b, self.config.beta)
        followed = np.concatenate((columns.own_b, np.repeat(np.arange(len(columns.ids)), columns.drawn_c)))
        v, codes, known = descended.v_cd[followed], descended.codes_c[followed], known_c[followed]
        self._filing.follow(v, codes, weights_b, known)
        return weights_b

    def _advance(self, events: int) -> None:
        popularity = self._counts.popularity
        self.model.log_mass_h, self.model.active_half_life = popularity.log_mass.copy(), popularity.active
        self.model.calibration_t2 = self._calibration.values_t2.copy()
        self.model.clock += events
        self.steps += 1
        self._stepped = True
        if self.steps % EXPIRE_EVERY == 0:
            before = self.clock - self.config.expire_after
            for name, table in self._tables.items():
                gone = table.expire(before)
                self._forgotten += gone if name == USER_TABLE else []
            self._counts.expire(before)

    def _start_codebook(self, weights_b: Doubles) -> bool:
        if not self._filing.due(self.clock, len(self._counts), self.items):
            return False
        ids = self.catalogue.names() or self._counts.names()
        self._filing.start(ids, self.catalogue, weights_b, self._rng(START_STREAM))
        return True

    def _report(
        self, batch: Batch, columns: Columns, descended: Descended, unknown: int, *, started: bool
    ) -> StepReport:
        positives = tuple(int(count) for count in (batch.rewards(self.config) > 0).sum(axis=0))
        rows = max(sum(positives), 1)
        codes_e = descended.codes_c[: columns.n_exposed]
        return StepReport(
            events=len(batch),
            loss_aux=descended.aux / rows,
            loss_ind=descended.ind / rows,
            loss_rank=descended.rank / rows,
            positives=positives,
            columns=len(columns.ids),
            codes_hit=len(np.unique(codes_e[codes_e >= 0])),
            started=started,
            half_life=self.config.half_lives[self.model.active_half_life],
            unknown_values=unknown,
        )
