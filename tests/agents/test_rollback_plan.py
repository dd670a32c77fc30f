"""What going back to an export would write, without Kafka."""

import pytest

from agents.rollback import Rollback, plan
from agents.stored_version import StoredVersion
from pipeline.catalogue import Catalogue
from pipeline.config import ModelConfig, Task
from pipeline.learner import Learner
from schemas.model_file import ExportedModel, ModelFileError
from schemas.parameters import Commit, dense_key, records_of

CONFIG = ModelConfig(tasks=(Task("click"),), dim=8, id_dim=8, hidden=8)
COMMIT = Commit(version=7, clock=0, offsets={0: 0}, config_hash=CONFIG.hash(), time_ms=0)
TENSOR = "tower.user.net.skip.weight"


def planned(*, lacking: str | None = None, left_over: bytes | None = None) -> Rollback:
    """Back to the model that there is, but for a tensor that the export lacks, or a part that nobody reads."""
    parameters, state = Learner(CONFIG, catalogue=Catalogue()).take_changes()
    present = {key: value for key, value in records_of(parameters) if value is not None}
    kept = {key: value for key, value in records_of(state) if value is not None}
    if left_over is not None:
        present[left_over] = present[dense_key(TENSOR, 0)]
    if lacking is not None:
        present[dense_key(lacking, 0)] = present[dense_key(TENSOR, 0)]
    stored = StoredVersion(COMMIT, CONFIG, present, kept)
    exported = ExportedModel(COMMIT, CONFIG, parameters, state)
    return plan(exported, stored, Catalogue(), 1, 0, lambda _: None)


def test_a_part_left_over_from_a_larger_tensor_is_removed() -> None:
    assert planned().parameters == []
    assert planned(left_over=dense_key(TENSOR, 1)).parameters == [(dense_key(TENSOR, 1), None)]


def test_an_export_without_a_tensor_of_the_present_model_is_refused() -> None:
    with pytest.raises(ModelFileError, match=r"lacks tower\.newer"):
        planned(lacking="tower.newer")
