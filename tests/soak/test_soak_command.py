"""What `svq soak` refuses before anything starts."""

import pytest

from infra import cli


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--minutes", "1", "--warm-up", "1"], "at least 50 s must follow the warm-up"),
        (["--minutes", "0.5"], "at least 50 s must follow the warm-up"),
        (["--overload", "queries"], "'queries' is not one of"),
    ],
)
def test_what_could_not_be_judged_is_refused_at_once(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["soak", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_somebody_elses_kafka_is_not_loaded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SVQ_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    assert cli.run(["soak"]) == 2
    assert capsys.readouterr().err.endswith("unset SVQ_KAFKA__BOOTSTRAP_SERVERS\n")
