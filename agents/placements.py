"""Placements of items by the present model, as the records of the topic `assignments`."""

from collections.abc import Mapping

import numpy as np

from pipeline.learner import Learner
from schemas import assignments
from schemas.assignments import AssignmentBlock

Blocks = list[tuple[int, bytes]]


def placements(learner: Learner, version: int, exposures: Mapping[str, int], partitions: int) -> Blocks:
    """(home partition, block) of these items, each with the exposures to be counted for it."""
    if not exposures:
        return []
    placement = learner.place(list(exposures))
    block = AssignmentBlock(
        version,
        learner.clock,
        list(exposures),
        placement.clusters_n[:, None],
        placement.bias_nt,
        placement.popularity_nh,
        np.fromiter(exposures.values(), np.uint32, len(exposures)),
    )
    return [(partition, assignments.encode(part)) for partition, part in block.split(partitions)]
