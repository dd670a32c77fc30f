import io

import pytest
from rich.console import Console

from infra.demo.intervals import Estimate
from infra.demo.report import Measured, report
from infra.demo.screen import Screen
from infra.demo.summary import invitation, summary
from infra.demo.view import Codes, Customer, View
from infra.load.ledger import Ledger

TRAP = "Tin [bold]spaceboy[/nothing] 3 drawer"


def view(**changes: object) -> View:
    delays = {"idle": {"p50": 41.2, "p99": 90.0, "n": 100, "late": 0}, "candidate": {"p50": None, "n": 0}}
    shares = {"svq": 0.291, "exact": 0.292, "popularity": 0.24, "item_knn": 0.287}
    customer = Customer("17850", "United Kingdom", [TRAP], ["Regency cakestand"])
    made = View("replay", 1000, 250, 30, 2.0, 125.0, 1_300_000_000_000, 77, shares, 60, delays, Codes(64, 60, 48.1))
    made.customer = customer
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def measured(counted: int = 1000) -> Measured:
    estimates = {arm: Estimate(0.25, 0.2, 0.3) for arm in ("svq", "exact", "popularity", "item_knn", "svq/exact")}
    delay = {"p50": 40.0, "p99": 90.0, "n": 9, "late": 0}
    return Measured(
        published=1000,
        seconds=0.5,
        first_recommendations_s=12.5,
        delays={"candidate": delay, "exposure": delay, "idle": delay, "idle_trained": delay | {"n": 0, "p50": None}},
        estimates=estimates,
        sampled=100,
        unanswered=0,
        popularity_half_life=8000.0,
        codes=Codes(64, 60, 48.12),
        ledger=Ledger(77, counted - 3, 4, 3),
        items=77,
        restarts={},
        kills={},
        worst_lag=40,
    )


@pytest.fixture
def written() -> io.StringIO:
    return io.StringIO()


def test_a_terminal_gets_a_panel_with_every_figure(written: io.StringIO) -> None:
    console = Console(file=written, force_terminal=True, width=150, height=50)
    with Screen(console) as screen:
        screen.show(view(notes=["killed the trainer"]))
    text = written.getvalue()
    for part in ("2011-03-13", "250 of 1,000", "0.291", "41 / 90", "60 of 64", "48.1", "killed the trainer", TRAP[:46]):
        assert part in text


def test_elsewhere_there_are_plain_lines_now_and_then(written: io.StringIO) -> None:
    with Screen(Console(file=written, force_terminal=False, width=80)) as screen:
        screen.show(view(notes=["killed the trainer"]))
        screen.show(view(notes=["killed the trainer"], published=260))  # too early for another
        screen.show(view(notes=["killed the trainer", "killed the indexer"], phase="counting"))
    lines = written.getvalue().splitlines()
    assert lines[0] == "killed the trainer"
    assert lines[1].startswith("replay  250/1,000 events  125/s  lag 30  77 items  svq 0.291")
    assert "idle p50 41 p99 90 ms" in lines[1]
    assert lines[2] == "killed the indexer"
    assert lines[3].startswith("counting  250/1,000")
    assert len(lines) == 4
    assert "\x1b" not in written.getvalue()


def test_the_report_has_what_other_programs_read() -> None:
    made = report(measured())
    assert made["events"] == made["counted"] == made["published"] == 1000
    assert made["exposures_per_second"] == 2000
    assert made["dead_letters"] == 4
    assert made["hit_at_100"] == dict.fromkeys(("svq", "exact", "popularity", "item_knn"), 0.25)
    assert made["intervals"]["svq"] == [0.2, 0.3]
    assert made["ratios"]["svq_to_popularity"] is None
    assert made["codes"] == {"total": 64, "used": 60, "perplexity": 48.1}
    assert made["immediacy_ms"]["exposure"]["p99"] == 90
    assert made["machine"]["cores"] >= 1


@pytest.mark.parametrize(("counted", "said"), [(1000, "counted 1,000 = published 1,000"), (999, "MUST NOT BE")])
def test_the_summary_says_whether_everything_counted(written: io.StringIO, counted: int, said: str) -> None:
    customers = [Customer("17850", "United Kingdom", [TRAP], ["Regency cakestand"])]
    Console(file=written, width=120).print(summary(report(measured(counted)), customers, "http://127.0.0.1:1"))
    text = written.getvalue()
    assert said.lower() in text.lower()
    assert TRAP in text
    assert "http://127.0.0.1:1" in text
    assert '"user_id": "17850"' in invitation("http://127.0.0.1:1", customers)
