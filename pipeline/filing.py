"""When the codebook starts, how it follows the items, and where codes nobody uses go."""

from collections.abc import Sequence

import numpy as np

from pipeline.arrays import Bools, Doubles, Floats, Ints
from pipeline.catalogue import Catalogue
from pipeline.codebook import MovingAverages
from pipeline.model import Model
from pipeline.seeding import first_codes

SEEDING_ITEMS_A_CODE = 32
SEEDING_ITEMS = 65_536  # above it 4 a code: a step must not take minutes
SEEDING_ROUNDS = 5
RESEEDING_ITEMS = 256
SEEN_AGAIN = 2  # exposures of an exposed item, on average: fewer, and the stream is still showing new items
PATIENCE = 5  # start_steps that are waited for that: some streams hardly ever show an item twice


class Filing:
    """The trainer's side of the codebook."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.averages = MovingAverages(model.codebook)

    def due(self, events: int, exposed: int, items: int) -> bool:
        """Whether the codebook should start now: K is fixed then, so most of the items should have come by.

        Args:
            events: exposures so far; steps are full batches of them, so that short ones do not start it early.
            exposed: distinct items exposed so far.
            items: items known.
        """
        config = self.model.config
        steps = events / config.batch
        if self.model.codebook.codes_kd is not None or steps < config.start_steps:
            return False
        enough = exposed >= min(config.start_exposures * config.codes_for(items), items // 2)
        settled = events >= SEEN_AGAIN * exposed or steps >= PATIENCE * config.start_steps
        return (enough and settled) or steps >= config.start_latest

    def start(self, ids: list[str], catalogue: Catalogue, weights_b: Doubles, rng: np.random.Generator) -> None:
        """Take first codes from real item vectors, each with an equal share of one batch's mass (method A3).

        Args:
            ids: items known.
            catalogue: their features.
            weights_b: g of the rows of the last batch.
            rng: source of the draws.
        """
        config = self.model.config
        codes = config.codes_for(len(ids))
        most = min(SEEDING_ITEMS_A_CODE * codes, max(SEEDING_ITEMS, 4 * codes))
        drawn = (
            ids if len(ids) <= most else [ids[place] for place in rng.choice(len(ids), most, replace=False).tolist()]
        )
        vectors = self.model.items(drawn, [catalogue.get(name) for name in drawn]).v_nd
        uniform_mass = config.uniform_mass if catalogue.drawn and config.uniform_draws else 0.0
        mass = config.batch / codes * weights_b.mean() * (1 + uniform_mass)
        self.averages.start(first_codes(vectors, codes, SEEDING_ROUNDS, rng), mass)

    def follow(self, vectors_nd: Floats, codes_n: Ints, weights_b: Doubles, known_n: Bools) -> None:
        """Move the codes towards the items of one batch: first its B exposures, then those drawn uniformly.

        Args:
            vectors_nd: vectors of them all.
            codes_n: their codes.
            weights_b: g of the exposures.
            known_n: whether each was shown with its id.
        """
        config, codebook = self.model.config, self.model.codebook
        if codebook.codes_kd is not None:
            alpha, exposures = config.alpha_for(codebook.n_codes), len(weights_b)
            decay = alpha ** (exposures / config.batch)
            drawn = len(vectors_nd) - exposures
            each = config.uniform_mass * weights_b.sum() / max(drawn, 1)
            # An event weighs the same in a short batch: the codebook must not depend on how events arrive.
            weights_n = np.concatenate((weights_b, np.full(drawn, each))) * ((1 - alpha) / (1 - decay))
            self.averages.update(vectors_nd[known_n], codes_n[known_n], weights_n[known_n], decay)

    def reseed(self, empty: Sequence[int], catalogue: Catalogue, rng: np.random.Generator) -> list[int]:
        """Move the first dead ones of these codes, at most 1 % of all, to items of the codes with the most mass.

        An empty code is dead when it has less than half the mass it would be seeded with: one that was moved just now,
        or that the disturbance still revives, is given its time.
        """
        codes = self.model.codebook.n_codes
        if not codes:
            return []
        dead = self.averages.counts_k < self.averages.counts_k.mean() / self.model.config.disturbance / 2
        chosen = [code for code in empty if dead[code]][: max(1, codes // 100)]
        drawn = sorted(set(catalogue.sample(max(RESEEDING_ITEMS, 8 * len(chosen)), rng)))
        if not chosen or not drawn:
            return []
        vectors = self.model.items(drawn, [catalogue.get(name) for name in drawn]).v_nd
        nearest = self.model.assign(vectors, np.full(len(drawn), -1, np.int32))
        crowded = np.argsort(-self.averages.counts_k[nearest], kind="stable")[: len(chosen)]
        moved = np.array(chosen[: len(crowded)], np.int64)
        self.averages.reseed(moved, vectors[crowded], self.model.config.disturbance)
        return [int(code) for code in moved]
