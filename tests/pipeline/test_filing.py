"""How the codebook starts at any size, and that an event moves it equally in short batches and in full ones."""

import numpy as np
import pytest

from pipeline.config import ModelConfig, Task
from pipeline.filing import Filing
from pipeline.model import Model
from pipeline.seeding import SEEDING_PASSES, spread_seeds

CODES, D = 4, 8


def _filing(batch: int) -> Filing:
    model = Model(ModelConfig(tasks=(Task("click"),), dim=D, id_dim=D, batch=batch, codes=CODES, alpha=0.9))
    filing = Filing(model)
    filing.averages.start(np.eye(CODES, D, dtype=np.float32), 1.0)
    return filing


@pytest.mark.parametrize("part", [1, 4, 16])
def test_short_batches_bring_the_mass_that_full_ones_bring(part: int) -> None:
    steady, slow = _filing(64), _filing(64)
    rng = np.random.default_rng(3)
    for _ in range(60):
        vectors = rng.normal(size=(64, D)).astype(np.float32)
        codes, weights = rng.integers(CODES, size=64).astype(np.int32), rng.uniform(1, 2, 64)
        for filing, size in ((steady, 64), (slow, part)):
            for start in range(0, 64, size):
                cut = slice(start, start + size)
                filing.follow(vectors[cut], codes[cut], weights[cut], np.ones(len(codes[cut]), np.bool_))
    # Events late in a full batch have decayed less when it is cut: at most 1 / alpha between the two.
    ratio = slow.averages.counts_k / steady.averages.counts_k
    assert ((ratio > 0.9) & (ratio < 1.02)).all()


def test_large_codebooks_are_seeded_in_few_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline import seeding

    passes = 0
    distances = seeding.seeding_distances

    def counted(*arguments: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        nonlocal passes
        passes += 1
        return distances(*arguments)

    monkeypatch.setattr(seeding, "seeding_distances", counted)
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(6000, D)).astype(np.float32)
    seeds = spread_seeds(vectors, 2048, rng)
    assert passes <= SEEDING_PASSES + 1
    assert len(seeds) == 2048
    assert len(set(seeds.tolist())) > 2000
