"""Nothing dies quietly: an exception in any agent, task or thread ends the process."""

import pytest

from tests.endings.broken import Case, Outcome, outcomes

pytestmark = pytest.mark.timeout(300)

CASES = [
    Case("indexer", "candidates_fail", "shard"),
    Case("indexer", "inbox_fails", "agent"),
    Case("indexer", "parameters_fail", "task"),
    Case("indexer", "scanner_fails", "task"),
    Case("indexer", "watchdog_fails", "task"),
    Case("indexer", "measuring_fails", "task"),
    Case("indexer", "metrics_fail", "task", asked="/readyz"),
    Case("indexer", "watch_fails", "thread"),
    Case("indexer", "restore_fails", "shard"),
    Case("indexer", "faust_fails", ""),
    Case("trainer", "learning_fails", "task"),
    Case("trainer", "publishing_fails", "shard"),
    Case("trainer", "exposures_fail", "agent"),
    Case("trainer", "items_fail", ""),
    Case("trainer", "lock_fails", "task"),
    Case("server", "follower_fails", ""),
]


@pytest.fixture(scope="module")
def ended(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    return outcomes(bootstrap, tmp_path_factory.mktemp("failures"), CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sabotage)
def test_an_exception_ends_the_process_with_its_name(ended: dict[str, Outcome], case: Case) -> None:
    outcome = ended[case.sabotage]
    assert outcome.code == 1, outcome.log
    assert "boom" in outcome.log
    if case.role == "server":
        assert "svq: unexpected ZeroDivisionError: boom" in outcome.log
        return
    assert "ZeroDivisionError('boom')" in outcome.last["reason"]
    assert not case.words or case.words in outcome.last
