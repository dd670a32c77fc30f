"""Trains a model on the exposure stream, one micro-batch a step."""

from collections.abc import Sequence

import numpy as np
import torch

from pipeline.arrays import Doubles, Floats, Ints, Longs
from pipeline.batch import Batch, Placement, StepReport
from pipeline.catalogue import Catalogue
from pipeline.changes import Array, Changes
from pipeline.codebook import MovingAverages, reward_weights
from pipeline.columns import Columns, columns_of
from pipeline.config import ModelConfig
from pipeline.errors import RestoreError
from pipeline.features import Features
from pipeline.gather import Gathered
from pipeline.inputs import Encoded, SideInputs, filled
from pipeline.intervals import ExactIntervals
from pipeline.layout import ITEM_TABLE, USER_TABLE
from pipeline.losses import column_terms, mixture_log_q, same_user_columns, sampled_softmax, straight_through
from pipeline.model import Model
from pipeline.optimisers import Adam
from pipeline.popularity import Popularity
from pipeline.seeding import first_codes
from pipeline.statistics import TABLE as STATISTICS
from pipeline.statistics import ItemStatistics
from pipeline.trained_table import TrainedTable

STEPS, SCORES = "learner.steps", "popularity.scores"
EXPIRE_EVERY = 256  # steps
SEEDING_ITEMS_A_CODE = 32
SEEDING_ROUNDS = 5
COLUMNS_STREAM, DROPOUT_STREAM, START_STREAM, RESEED_STREAM = range(4)


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
        self, config: ModelConfig, seed: int | None = None, *, catalogue: Catalogue | None = None, device: str = "cpu"
    ) -> None:
        self.config = config
        self.seed = config.seed if seed is None else seed
        self.catalogue = Catalogue() if catalogue is None else catalogue
        self.model = Model(config, device=device)
        self.steps = 0
        self._tables = {
            name: TrainedTable(table, admit_after=config.admit_after, rate=config.row_rate)
            for name, table in self.model.tables.items()
        }
        self._adam = Adam(self.model.tensors(), config.dense_rate)
        self._averages = MovingAverages(self.model.codebook)
        self._statistics = ItemStatistics(len(config.half_lives))
        self._intervals = ExactIntervals(config.interval_rate, config.interval_max)
        self._popularity = Popularity(config.half_lives, config.initial_count)
        self._stepped = True  # the first take carries the initial dense tensors

    @property
    def clock(self) -> int:
        """Training events so far."""
        return self.model.clock

    def step(self, batch: Batch) -> StepReport:
        """Learn from one batch.

        Raises:
            BatchError: the batch does not fit together; nothing was learned.
        """
        batch.check(self.config)
        unknown_before = self.model.inputs.encoder.unknown_values
        given = batch.item_features or [self.catalogue.get(name) for name in batch.item_ids]
        features = filled(given, len(batch), "item features")
        uniform = round(self.config.uniform_share * len(batch))
        columns = columns_of(batch.item_ids, features, self.catalogue, uniform, self._rng(COLUMNS_STREAM))
        encoded = (
            self.model.inputs.encode_users(batch.users),
            self.model.inputs.encode_items(columns.ids, columns.features),
        )
        users, items = self._look_up(batch, *encoded)
        rows = self._statistics.insert(columns.ids[: columns.n_exposed])
        terms = self._terms(batch, columns)
        losses, v_cd, codes_c = self._descend(batch, columns, users, items, terms)
        self._count(columns, rows, len(batch))
        self._average(batch, columns, rows, v_cd, codes_c)
        self.model.inputs.user_numbers.update(encoded[0].raw_nm)
        self.model.inputs.item_numbers.update(encoded[1].raw_nm)
        self.model.clock += len(batch)
        self.steps += 1
        self._stepped = True
        started = self._start_codebook()
        if self.steps % EXPIRE_EVERY == 0:
            self._expire()
        unknown = self.model.inputs.encoder.unknown_values - unknown_before
        return self._report(batch, columns, losses, codes_c, unknown, started=started)

    def place(self, ids: Sequence[str], features: Sequence[Features] = (), present: Ints | None = None) -> Placement:
        """File items with exactly the present parameters.

        Args:
            ids: the items.
            features: theirs; read from the catalogue when absent.
            present: clusters they are filed under, -1 for none; None: as the steps filed them last.

        Training does not notice: when versions are published must not change what the next step computes.
        """
        vectors = self.model.items(ids, features or [self.catalogue.get(name) for name in ids])
        rows = self._statistics.ids.find(ids)
        before = self._statistics.codes(rows) if present is None else present
        clusters = self.model.assign(vectors.v_nd, before)
        return Placement(clusters, vectors.bias_nt, self.popularity(ids))

    def popularity(self, ids: Sequence[str]) -> Doubles:
        """Forward-decayed log counts of items, (N, H); one never exposed has the initial count as of now."""
        log_counts = self._statistics.log_counts(self._statistics.ids.find(ids))
        return self._popularity.read(log_counts, self.clock)

    def reseed(self, empty: Sequence[int]) -> list[int]:
        """Move codes that hold no item to where items are crowded; at most 1 % of all codes, the first ones given.

        Only the caller knows which clusters are empty. Call it at most once a version.
        """
        codes = self.model.codebook.n_codes
        chosen = list(empty)[: max(1, codes // 100)] if codes else []
        drawn = sorted(set(self.catalogue.sample(8 * max(len(chosen), 32), self._rng(RESEED_STREAM))))
        if not chosen or not drawn:
            return []
        v_nd = self.model.items(drawn, [self.catalogue.get(name) for name in drawn]).v_nd
        nearest = self.model.assign(v_nd, np.full(len(drawn), -1, np.int32))
        crowded = np.argsort(-self._averages.counts_k[nearest], kind="stable")[: len(chosen)]
        moved = np.array(chosen[: len(crowded)], np.int64)
        self._averages.reseed(moved, v_nd[crowded], self.config.disturbance)
        return [int(code) for code in moved]

    def take_changes(self) -> tuple[Changes, Changes]:
        """Parameters and state changed since the last call, as absolute values."""
        parameters, state = Changes(), Changes()
        for table in self._tables.values():
            table.take_changes(parameters, state)
        self._averages.take_changes(parameters, state)
        self._statistics.take_changes(state)
        if self._stepped:
            parameters.dense.update(self.model.dense())
            state.dense.update(self._adam.state())
            state.dense.update(self._scalars())
            self._stepped = False
        return parameters, state

    def restore(self, parameters: Changes, state: Changes) -> None:
        """Continue where the writer of all these changes was.

        Raises:
            RestoreError: they do not fit the configuration, or belong to different cuts.
        """
        if STEPS not in state.dense:
            raise RestoreError(f"{STEPS} is missing: this is not a learner's state")
        self.model.apply(parameters)
        for name, table in self._tables.items():
            table.restore(*state.rows.get(name, ([], np.zeros((0, 3)))))
        self._averages.restore(state)
        if STATISTICS in state.rows:
            self._statistics.restore(*state.rows[STATISTICS])
        self._adam.restore(state.dense)
        self.steps = int(state.dense[STEPS][0])
        self._popularity.scores = np.array(state.dense[SCORES], np.float64)
        self._popularity.log_mass = self.model.log_mass_h.copy()
        self._popularity.active = self.model.active_half_life
        self._stepped = False

    def _rng(self, stream: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, self.steps, stream))

    def _look_up(self, batch: Batch, users_in: Encoded, items_in: Encoded) -> tuple[SideInputs, SideInputs]:
        clock = self.clock
        self._tables[ITEM_TABLE].see(batch.item_ids, clock)

        def find(table: str, names: Sequence[str]) -> Longs:
            if table == ITEM_TABLE:
                return self.model.tables[table].ids.find(names)
            return self._tables[table].see(names, clock)

        users, items = self.model.inputs.users(users_in, find), self.model.inputs.items(items_in, find)
        rng = self._rng(DROPOUT_STREAM)
        for side, table in ((users, USER_TABLE), (items, ITEM_TABLE)):
            rows_n1 = next(use.rows_nw for use in side.uses if use.table == table)
            rows_n1[rng.random(len(rows_n1)) < self.config.id_dropout] = 0
        return users, items

    def _terms(self, batch: Batch, columns: Columns) -> Floats:
        rows = self._statistics.ids.find(columns.ids)
        log_counts = self._popularity.read(self._statistics.log_counts(rows), self.clock)
        log_share = self.model.log_share(log_counts)
        uniform = int(columns.counts_c.sum()) - len(batch)
        known = max(len(self.catalogue), len(self._statistics))
        log_q = mixture_log_q(log_share, known, len(batch), uniform)
        masked = same_user_columns(list(batch.user_ids), columns.own_b)
        return column_terms(self.config.gamma * log_share, log_q, columns.counts_c, columns.own_b, masked)

    def _descend(
        self, batch: Batch, columns: Columns, users: SideInputs, items: SideInputs, terms: Floats
    ) -> tuple[list[float], Floats, Ints]:
        model = self.model
        gathered = Gathered(model.tables, (*users.uses, *items.uses), model.device, learn=True)
        u = model.user_forward("user", users, gathered)
        v, bias = model.item_forward("item", items, gathered)
        v_cd: Floats = v.detach().cpu().numpy()
        codes_c = model.assign(v_cd, self._statistics.codes(self._statistics.ids.find(columns.ids)))
        quantized = self._quantized(v, codes_c)
        ranked = None
        if self.config.ranker == "two_tower":
            ranked = (
                model.user_forward("rank_user", users, gathered),
                *model.item_forward("rank_item", items, gathered),
            )
        parts = self._losses(batch, columns, terms, u, v, bias, quantized, ranked)
        config = self.config
        total = config.aux_weight * parts[0] + config.ind_weight * parts[1] + parts[2] + config.sim_weight * parts[3]
        if total.requires_grad:
            (total / len(batch)).backward()  # type: ignore[no-untyped-call]
            for name, (rows, gradients) in gathered.gradients().items():
                self._tables[name].update(rows, gradients)
            self._adam.step()
        return [float(part.detach()) for part in parts], v_cd, codes_c

    def _quantized(self, v: torch.Tensor, codes_c: Ints) -> torch.Tensor | None:
        codes_kd = self.model.codebook.codes_kd
        if codes_kd is None:
            return None
        return straight_through(v, torch.from_numpy(codes_kd[codes_c]).to(v.device))

    def _losses(
        self,
        batch: Batch,
        columns: Columns,
        terms: Floats,
        u: torch.Tensor,
        v: torch.Tensor,
        bias: torch.Tensor,
        quantized: torch.Tensor | None,
        ranked: tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None,
    ) -> list[torch.Tensor]:
        zero = torch.zeros((), device=v.device)
        parts = [zero, zero, zero, zero]
        rewards = batch.rewards(self.config)
        for t, task in enumerate(self.config.tasks):
            positive = np.flatnonzero(rewards[:, t] > 0)
            if len(positive) == 0:
                continue
            weights = torch.from_numpy((rewards[positive, t] * task.weight).astype(np.float32)).to(v.device)
            terms_rc = torch.from_numpy(terms[positive]).to(v.device)
            own = torch.from_numpy(columns.own_b[positive]).to(v.device)
            chosen = torch.from_numpy(positive).to(v.device)
            tau = self.config.tau
            parts[0] = parts[0] + sampled_softmax(u[chosen, t], v, bias[:, t], terms_rc, own, weights, tau)
            if quantized is not None:
                parts[1] = parts[1] + sampled_softmax(u[chosen, t], quantized, bias[:, t], terms_rc, own, weights, tau)
            if ranked is not None:
                ru, rv, rb = ranked
                parts[2] = parts[2] + sampled_softmax(ru[chosen, t], rv, rb[:, t], terms_rc, own, weights, tau)
        if quantized is not None and self.config.sim_weight > 0:
            parts[3] = (v - quantized.detach()).square().sum()
        return parts

    def _count(self, columns: Columns, rows: Longs, events: int) -> None:
        now = self.clock / self.config.batch
        first = max(len(self.catalogue), len(self._statistics)) / self.config.batch
        intervals = self._intervals.update(self._statistics.intervals(rows), now, first)
        before = self._statistics.log_counts(rows)
        popularity = self._popularity
        popularity.choose(before, columns.exposures_e, self.clock, memory=20_000, margin=0.01)
        after = popularity.update(before, columns.exposures_e, self.clock + events)
        self._statistics.put(rows, intervals, after)
        self.model.log_mass_h = popularity.log_mass.copy()
        self.model.active_half_life = popularity.active

    def _average(self, batch: Batch, columns: Columns, rows: Longs, v_cd: Floats, codes_c: Ints) -> None:
        codebook = self.model.codebook
        if codebook.codes_kd is None:
            return
        self._statistics.put_codes(rows, codes_c[: columns.n_exposed])
        weights = self._weights(batch, columns, rows)
        decay = self.config.alpha_for(codebook.n_codes) ** (len(batch) / self.config.batch)
        self._averages.update(v_cd[columns.own_b], codes_c[columns.own_b], weights, decay)

    def _weights(self, batch: Batch, columns: Columns, rows: Longs) -> Doubles:
        intervals = self._statistics.intervals(rows)[columns.own_b, 1]
        etas = [task.eta for task in self.config.tasks]
        return reward_weights(batch.rewards(self.config), etas, intervals, self.config.beta)

    def _start_codebook(self) -> bool:
        config = self.config
        if self.model.codebook.codes_kd is not None or self.steps < config.start_steps:
            return False
        items = max(len(self.catalogue), len(self._statistics))
        codes = config.codes_for(items)
        if len(self._statistics) < config.start_exposures * codes and self.steps < config.start_latest:
            return False
        rng = self._rng(START_STREAM)
        drawn = sorted(set(self.catalogue.sample(SEEDING_ITEMS_A_CODE * codes, rng)))
        if not drawn:
            drawn = sorted(self._statistics.ids.names(self._statistics.ids.used()))
        v_nd = self.model.items(drawn, [self.catalogue.get(name) for name in drawn]).v_nd
        used = self._statistics.ids.used()
        mean = float((self._statistics.intervals(np.sort(used))[:, 1] ** config.beta).mean())
        self._averages.start(first_codes(v_nd, codes, SEEDING_ROUNDS, rng), config.batch / codes * mean)
        return True

    def _expire(self) -> None:
        before = self.clock - self.config.expire_after
        for table in self._tables.values():
            table.expire(before)
        self._statistics.expire(before / self.config.batch)

    def _scalars(self) -> dict[str, Array]:
        return {STEPS: np.array([self.steps], np.int64), SCORES: self._popularity.scores.copy()}

    def _report(
        self, batch: Batch, columns: Columns, losses: Sequence[float], codes_c: Ints, unknown: int, *, started: bool
    ) -> StepReport:
        rewards = batch.rewards(self.config)
        positives = tuple(int(count) for count in (rewards > 0).sum(axis=0))
        total = max(sum(positives), 1)
        hit = len(np.unique(codes_c[: columns.n_exposed])) if codes_c[0] >= 0 else 0
        half_life = self.config.half_lives[self._popularity.active]
        means = [loss / total for loss in losses]
        return StepReport(
            len(batch), means[0], means[1], means[2], positives, len(columns.ids), hit, started, half_life, unknown
        )


__all__ = ["Batch", "Learner", "Placement", "StepReport"]
