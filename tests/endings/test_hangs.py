"""What hangs ends the process within its limit: with a last line that names it, the stacks, and the right exit code."""

import re

import pytest

from tests.endings.broken import Case, Outcome, outcomes

pytestmark = pytest.mark.timeout(240)

DEFECT, KAFKA = 1, 3
CASES = [
    Case("indexer", "loop_hangs", "event loop has stood still for 6 s", {"loop_deadline_s": 6}),
    Case("indexer", "handler_hangs", "step of ", {"step_deadline_s": 2}),
    Case("indexer", "placing_hangs", "(placing thread|step of .*) has stood still for 2 s", {"step_deadline_s": 2}),
    Case("indexer", "delivery_hangs", r"waits\), the limit is 6 s", {"stall_deadline_s": 6}),
    Case("trainer", "training_hangs", "training thread has stood still for 2 s", {"step_deadline_s": 2}),
    Case("server", "queries_block_the_loop", "event loop", {"loop_deadline_s": 6}, "/v1/retrieve"),
]
WHERE = {
    "loop_hangs": "in blocks_the_loop",
    "handler_hangs": "in never_ends",
    "placing_hangs": "in computes_for_ever",
    "training_hangs": "in computes_for_ever",
    "queries_block_the_loop": "in blocks_the_loop",
}


@pytest.fixture(scope="module")
def ended(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    return outcomes(bootstrap, tmp_path_factory.mktemp("hangs"), CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sabotage)
def test_what_hangs_ends_the_process_and_says_where(ended: dict[str, Outcome], case: Case) -> None:
    outcome = ended[case.sabotage]
    assert re.search(case.words, outcome.last["reason"]), outcome.log
    waits_for_kafka = case.sabotage == "delivery_hangs"
    assert outcome.last["kind"] == ("StalledError" if waits_for_kafka else "StuckError")
    assert outcome.code == outcome.last["exit_code"] == (KAFKA if waits_for_kafka else DEFECT)
    assert WHERE.get(case.sabotage, "") in outcome.log


def test_a_hang_that_keeps_the_interpreters_lock_ends_the_process_too(
    bootstrap: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    case = Case("indexer", "interpreter_hangs", "")
    outcome = outcomes(bootstrap, tmp_path_factory.mktemp("interpreter"), [case])[case.sabotage]
    assert outcome.code == DEFECT
    assert not outcome.last, "no Python can run any more"
    assert "in keeps_the_interpreter" in outcome.log
