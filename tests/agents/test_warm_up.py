"""A trainer that warmed up loads nothing more in its first step."""

import subprocess
import sys

STEP = """
import sys
from agents.warm_up import CONFIG, warm_up
warm_up()
before = set(sys.modules)
import numpy as np
from pipeline.batch import Batch
from pipeline.learner import Learner
learner, names = Learner(CONFIG), [f"i{number}" for number in range(CONFIG.batch)]
for _ in range(4):
    learner.step(Batch(names, names, np.ones((CONFIG.batch, 1), np.float32)))
assert learner.model.codebook.n_codes, "the codebook is part of what is to be loaded"
print(*sorted(set(sys.modules) - before))
"""


def test_a_first_step_behind_it_loads_no_code() -> None:
    done = subprocess.run([sys.executable, "-c", STEP], capture_output=True, text=True, timeout=240, check=True)
    assert done.stdout.split() == []
