"""The core of a trainer without Kafka: records in, records out."""

import itertools
from pathlib import Path
from typing import Any, Final

import msgspec
import torch

from agents.learning import Learning
from agents.micro_batch import MicroBatch, Position
from benchmarks.speed.stages import Stages
from infra.load.world import World
from pipeline.catalogue import Catalogue
from pipeline.config import ModelConfig
from pipeline.descent import Descent
from pipeline.exposure_counts import ExposureCounts
from pipeline.filing import Filing
from pipeline.gather import Gathered
from pipeline.inputs import Inputs
from pipeline.learner import Learner
from pipeline.model import Model
from pipeline.optimisers import Adam
from pipeline.trained_table import TrainedTable
from schemas.exposures import decode_exposures
from schemas.settings import load_settings

SETTINGS: Final = Path(__file__).parent.parent / "load" / "svq.toml"
LINES: Final = 20
STEPS_A_VERSION: Final = 3
"""About what a publish interval of 250 ms comes to."""


class Core:
    """One learner over one world's endless stream.

    Args:
        users, items: of the world.
    """

    def __init__(self, users: int, items: int) -> None:
        world, config = World(users, items, items, seed=0), load_settings(SETTINGS).model_config_core()
        plain, codes = config.to_dict(), config.codes_for(items)  # at once, not when the stream has shown enough
        self.config = ModelConfig.from_dict(plain | {"codes": codes, "start_steps": 1, "start_exposures": 1})
        self.config = ModelConfig.from_dict(self.config.to_dict() | {"start_latest": 2})
        catalogue = Catalogue()
        for number in world.on_offer:
            item = world.item_id(number)
            catalogue.put(item, msgspec.json.decode(world.candidate(item, 0))["features"])
        learner = Learner(self.config, catalogue=catalogue)
        self._learning = Learning(learner, {0: Position(0)}, lambda _partition, _key: None, announce=True)
        self._world, self._tasks = world, {task.name for task in self.config.tasks}
        self._now, self._version = 1_700_000_000_000, itertools.count(1)
        self._steps = 0

    def records(self, steps: int) -> list[list[bytes]]:
        """Encoded visits for so many steps, made before the clock starts."""
        visits = -(-self.config.batch // LINES)
        return [[self._world.visit(self._tick(), LINES).value for _ in range(visits)] for _ in range(steps)]

    def run(self, steps: list[list[bytes]], stages: Stages | None = None) -> None:
        """Decode, learn, and publish every few steps."""
        stages = stages or Stages()
        for records in steps:
            exposures = stages.call("decode", self._decoded, records)
            stages.call("rest", self._learning.learn, MicroBatch(exposures, reached={0: Position(self._steps + 1)}))
            self._steps += 1
            if self._steps % STEPS_A_VERSION == 0:
                stages.call("publish", self._learning.cut, next(self._version), self._now, 0.0)

    def _decoded(self, records: list[bytes]) -> list[Any]:
        decoded = (decode_exposures(value, None, self._now, self._tasks)[0] for value in records)
        return list(itertools.islice(itertools.chain.from_iterable(decoded), self.config.batch))

    def _tick(self) -> int:
        self._now += 50
        return self._now


def watch(stages: Stages) -> None:
    """Time the stages of a step."""
    import agents.learning
    import pipeline.learner

    stages.watch("histories", agents.learning, "training_batch")
    stages.watch("features", Inputs, "encode_users", "encode_items", "users", "items")
    stages.watch("columns and counts", pipeline.learner, "columns_of", "column_terms", "repeated_columns")
    stages.watch("columns and counts", ExposureCounts, "update", "intervals", "codes", "put_codes", "log_counts")
    stages.watch("gather", Gathered, "__init__", "gradients")
    stages.watch("forward", Model, "user_forward", "item_forward")
    stages.watch("losses", Descent, "step")
    stages.watch("assign", Model, "assign")
    stages.watch("backward", torch.Tensor, "backward")
    stages.watch("optimisers", Adam, "step")
    stages.watch("optimisers", TrainedTable, "update", "see")
    stages.watch("EMA", Filing, "follow")
