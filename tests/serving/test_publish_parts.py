"""What publishing is made of: lines cut as they come, and requests that are remembered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.publications import candidate_event
from schemas.service import PublishingSettings
from schemas.settings import Settings
from serving.idempotency import Ledger
from serving.lines import Lines
from serving.outbox import Outbox
from serving.problems import ProblemError
from serving.publication import Publication

LONGEST = 8


@given(st.lists(st.binary(max_size=20) | st.sampled_from([b"\n", b"\r\n", b" ", b"\n\n"]), max_size=12))
def test_lines_are_the_same_however_they_come(pieces: list[bytes]) -> None:
    lines = Lines(LONGEST)
    found = [line for piece in pieces for line in lines.feed(piece)] + lines.end()
    whole = [line.strip() if len(line) < LONGEST else line[:LONGEST] for line in b"".join(pieces).split(b"\n")]
    assert found == [line for line in whole if line]


@pytest.fixture
async def outbox() -> Outbox:
    return Outbox(Settings())


async def test_the_ledger_is_bounded_in_number_and_in_time(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> Publication:
        return Publication(outbox, "exposures", lambda *_: pytest.fail("nothing is published here"))

    clock = [0.0]
    monkeypatch.setattr("serving.idempotency.time.monotonic", lambda: clock[0])
    ledger = Ledger(PublishingSettings(idempotency_keys=3, idempotency_s=60))
    first, again = ledger.find("me", "1", b"a", make)
    assert not again
    assert ledger.find("me", "1", b"a", make) == (first, True)
    assert ledger.find("you", "1", b"b", make)[1] is False, "everybody's keys are their own"
    with pytest.raises(ProblemError, match="used for another request"):
        ledger.find("me", "1", b"b", make)
    for key in "234":
        ledger.find("me", key, b"a", make)
        assert len(ledger) <= 3
    assert ledger.find("me", "1", b"b", make)[1] is False, "the oldest was forgotten"
    heavy, _ = ledger.find("me", "5", b"a", make)
    ledger.weigh(heavy, errors=1000)
    ledger.find("me", "6", b"a", make)
    assert len(ledger) == 1, "errors count, too"
    clock[0] = 61.0
    assert ledger.find("me", "6", b"a", make)[1] is False, "time is up"
    assert len(ledger) == 1


async def test_a_refused_event_is_counted_once_however_often_it_is_sent(outbox: Outbox) -> None:
    publication = Publication(outbox, "candidates", candidate_event)
    for _ in range(3):
        await publication.put([b"{}", b"[]"])
        published = await publication.settle()
    assert (published.acknowledged, published.rejected, published.unacknowledged) == (0, 2, 0)
    assert outbox.inflight() == (0, 0)
