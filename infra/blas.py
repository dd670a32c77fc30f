"""How many threads numpy's matrix products may use."""

import os
from typing import Final

VARIABLES: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def limit_blas(threads: int) -> None:
    """So many, unless the environment says otherwise; to be called before numpy is loaded, which is when it counts.

    By default it is as many as there are cores, and each of them waits for the others by running round in circles: of
    several processes on one machine each then takes from the others what it gains.
    """
    for variable in VARIABLES:
        os.environ.setdefault(variable, str(threads))
