"""What `svq soak` refuses before anything starts."""

import pytest

from infra import cli
from infra.soak.options import Options


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--minutes", "1", "--warm-up", "1"], "at least 15 s must follow the warm-up"),
        (["--minutes", "0.3"], "at least 15 s must follow the warm-up"),
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


@pytest.mark.parametrize(
    ("minutes", "warm_minutes", "seconds"), [(60.0, 15.0, 5.0), (0.5, 0.0, 1.2), (0.4, 0.15, 0.6), (0.01, 0.0, 0.6)]
)
def test_a_short_soak_looks_more_often(minutes: float, warm_minutes: float, seconds: float) -> None:
    assert Options(minutes=minutes, warm_minutes=warm_minutes).sample_s == pytest.approx(seconds)
