"""What a first step of the trainer loads, loaded before there is one."""

import numpy as np

from pipeline.batch import Batch
from pipeline.config import ModelConfig, Task
from pipeline.learner import Learner

STEPS = 4
CONFIG = ModelConfig(
    tasks=(Task("click"),), dim=8, id_dim=8, hidden=16, codes=4, batch=16, start_steps=1, start_exposures=1
)


def warm_up() -> None:
    """Learn a little, with a codebook, and forget it.

    Compiled code is read from disk when it is first called: a second and a half of processor time, and many times that
    on a full machine, in which a standby that takes over would learn nothing.
    """
    learner, names = Learner(CONFIG), [str(number) for number in range(CONFIG.batch)]
    for _ in range(STEPS):
        learner.step(Batch(names, names, np.ones((CONFIG.batch, 1), np.float32)))
        learner.take_changes()
