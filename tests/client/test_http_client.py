"""Both HTTP clients against a server that fails in every way: what is tried again, what is not, and when it ends."""

import asyncio
import inspect
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from scripted_server import DRIP, DROP, STALL, Reply, Scripted, problem
from streamvq_client.async_client import AsyncClient
from streamvq_client.client import Client
from streamvq_client.errors import (
    DefectError,
    DeniedError,
    EventError,
    FormatError,
    NotFoundError,
    NotNowError,
    PublishError,
    RequestError,
    ServerError,
    UnreachableError,
)
from streamvq_client.events import Candidate, Exposure
from streamvq_client.questions import NearestQuery, Query, Quota

NOW = 1_700_000_000_000
ANSWER = {
    "items": [{"id": "i1", "score": 1.5, "attributes": {"title": "A"}, "new": "field"}],
    "k": 1, "returned": 1, "why_fewer": None, "rests_on": "user", "version": 9, "clock": 3, "candidates": 5,
}  # fmt: skip
GOOD = Reply(body=json.dumps(ANSWER).encode())
DONE = Reply(body=b'{"acknowledged":1,"rejected":0,"unacknowledged":0,"errors":[]}')

Run = Callable[..., Any]


def run_sync(url: str, method: str, *arguments: Any, settings: dict[str, Any]) -> Any:
    with Client(url, **settings) as client:
        return getattr(client, method)(*arguments)


def run_async(url: str, method: str, *arguments: Any, settings: dict[str, Any]) -> Any:
    async def run() -> Any:
        async with AsyncClient(url, **settings) as client:
            return await getattr(client, method)(*arguments)

    return asyncio.run(run())


@pytest.fixture(params=[run_sync, run_async], ids=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Run:
    """A call of either client: to which server, which method, with what."""

    def ask(scripted: Scripted, method: str = "retrieve", *arguments: Any, **settings: Any) -> Any:
        with scripted.running():
            given = arguments or ((Query(user_id="u1"),) if method == "retrieve" else ())
            return request.param(scripted.url, method, *given, settings=settings)

    return ask


def test_both_clients_have_the_same_methods() -> None:
    def methods(kind: type) -> dict[str, Any]:
        found = inspect.getmembers(kind, inspect.isfunction)
        return {name: inspect.signature(one).parameters for name, one in found if not name.startswith("_")}

    assert methods(Client) == methods(AsyncClient)


def test_a_question_and_its_answer(ask: Run) -> None:
    scripted = Scripted(GOOD)
    query = Query(
        user_id=17,
        history=["i2"],
        k=1,
        filter={"attribute": "price", "lte": 20.5},
        quotas=[Quota(most=2)],
        tasks={"a": 1},
    )
    answer = ask(scripted, "retrieve", query, key="secret")
    assert (answer.items[0].id, answer.items[0].attributes, answer.version) == ("i1", {"title": "A"}, 9)
    (asked,) = scripted.asked
    assert (asked.method, asked.path) == ("POST", "/v1/retrieve")
    assert asked.headers["authorization"] == "Bearer secret"
    assert json.loads(asked.body) == {
        "user_id": 17, "history": ["i2"], "k": 1, "filter": {"attribute": "price", "lte": 20.5},
        "quotas": [{"most": 2}], "tasks": {"a": 1},
    }  # fmt: skip


@pytest.mark.parametrize("first", [DROP, problem(503, "not_ready"), problem(429, "slow"), Reply(502, b"<html>")])
def test_what_fails_on_its_way_or_is_put_off_is_asked_again(ask: Run, first: Reply | str) -> None:
    scripted = Scripted(first, GOOD)
    assert ask(scripted).version == 9
    assert len(scripted.asked) == 2


KINDS: list[tuple[Reply, type[ServerError], str]] = [
    (problem(422, "unknown_task"), RequestError, "unknown_task: What is wrong. Do it."),
    (problem(413, "body_too_large"), RequestError, "body_too_large"),
    (problem(401, "no_key"), DeniedError, "no_key"),
    (problem(403, "read_only"), DeniedError, "read_only"),
    (problem(404, "no_such_item"), NotFoundError, "no_such_item"),
    (problem(500, "defect"), DefectError, "defect"),
    (Reply(404, b"nginx"), NotFoundError, "http_404: .*no streamvq server"),
    (Reply(302, b""), ServerError, "http_302"),
]


@pytest.mark.parametrize(("reply", "kind", "said"), KINDS)
def test_what_will_not_change_is_an_error_at_once(ask: Run, reply: Reply, kind: type[ServerError], said: str) -> None:
    scripted = Scripted(reply)
    with pytest.raises(kind, match=said) as caught:
        ask(scripted)
    assert caught.value.status == reply.status
    assert not caught.value.retriable
    assert len(scripted.asked) == 1


def test_a_server_that_is_never_ready_is_told_of_after_all_attempts(ask: Run) -> None:
    scripted = Scripted(problem(503, "not_ready"))
    with pytest.raises(NotNowError, match="not_ready") as caught:
        ask(scripted, attempts=3)
    assert caught.value.retriable
    assert len(scripted.asked) == 3


def test_retry_after_is_waited_for(ask: Run) -> None:
    scripted = Scripted(problem(429, "slow", retry_after="1"), GOOD)
    begun = time.monotonic()
    ask(scripted)
    assert time.monotonic() - begun >= 1


def test_what_should_be_asked_again_later_than_the_deadline_is_not_waited_for(ask: Run) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    scripted = Scripted(problem(503, "not_ready", retry_after=later))
    with pytest.raises(NotNowError) as caught:
        ask(scripted)
    assert 3000 < (caught.value.retry_after_s or 0) <= 3600
    assert len(scripted.asked) == 1


@pytest.mark.parametrize("step", [STALL, DRIP])
def test_a_server_that_does_not_get_on_is_given_up_at_the_deadline(ask: Run, step: str) -> None:
    scripted = Scripted(step)
    with pytest.raises(UnreachableError, match=r"POST /v1/retrieve: no response in \d attempts") as caught:
        ask(scripted, deadline_s=1.0, attempt_s=0.4)
    assert caught.value.retriable
    assert 2 <= len(scripted.asked) <= 3


def test_nobody_there(ask: Run) -> None:
    scripted = Scripted()
    with scripted.running():
        url = scripted.url
    with pytest.raises(UnreachableError, match="no response in 2 attempts"):
        run_sync(url, "stats", settings={"attempts": 2})


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'{"items":1}', b"[" * 10_000])
def test_an_answer_of_something_else(ask: Run, body: bytes) -> None:
    with pytest.raises(FormatError, match="POST /v1/retrieve: no Answer"):
        ask(Scripted(Reply(body=body)))


def test_readiness_is_an_answer_also_while_it_is_not_there(ask: Run) -> None:
    body = {"ready": False, "waiting_for": ["x"], "remaining": 3, "topics": [], "silent_s": None, "version_age_s": None}
    scripted = Scripted(Reply(503, json.dumps(body).encode()))
    assert ask(scripted, "readiness").remaining == 3
    assert len(scripted.asked) == 1


@pytest.mark.parametrize(("name", "path"), [("a/b", "a%2Fb"), ("..", "%2E%2E"), ("ü ?#", "%C3%BC%20%3F%23"), (7, "7")])
def test_ids_are_written_into_paths_so_that_they_stay_ids(ask: Run, name: str | int, path: str) -> None:
    scripted = Scripted(DONE)
    ask(scripted, "delete", name)
    assert (scripted.asked[0].method, scripted.asked[0].path) == ("DELETE", f"/v1/items/{path}")


WAYS: list[tuple[str, tuple[Any, ...], str]] = [
    ("retrieve_batch", ([Query(), Query()],), "POST /v1/retrieve/batch"),
    ("similar", ("i/1",), "POST /v1/items/i%2F1/similar"),
    ("nearest_clusters", (NearestQuery(user_id="u"),), "POST /v1/clusters/nearest"),
    ("item", ("i1",), "GET /v1/items/i1"),
    ("clusters", (), "GET /v1/clusters?sort=items&limit=100"),
    ("cluster", (3,), "GET /v1/clusters/3?limit=100"),
    ("cluster_items", (-1,), "GET /v1/clusters/-1/items?offset=0&limit=100"),
    ("user", ("u 1",), "GET /v1/users/u%201"),
    ("attributes", (), "GET /v1/attributes?limit=100"),
    ("tables", (), "GET /v1/tables"),
    ("row", ("items", "i1"), "GET /v1/tables/items/i1"),
    ("versions", (), "GET /v1/versions"),
    ("configuration", (), "GET /v1/config"),
    ("stats", (), "GET /v1/stats"),
]


@pytest.mark.parametrize(("method", "arguments", "way"), WAYS, ids=[method for method, *_ in WAYS])
def test_what_is_asked_for_where(ask: Run, method: str, arguments: tuple[Any, ...], way: str) -> None:
    scripted = Scripted(problem(404, "no_such_thing"))
    with pytest.raises(NotFoundError, match="no_such_thing"):
        ask(scripted, method, *arguments)
    assert [f"{asked.method} {asked.path}" for asked in scripted.asked] == [way]


def test_many_events_go_in_several_requests_and_each_has_one_key_whatever_happens(ask: Run) -> None:
    events = [Exposure(user_id=f"u{n}", item_id="i", timestamp=NOW, labels={"click": 1}) for n in range(1500)]
    thousand, rest = (Reply(body=json.dumps({"acknowledged": n}).encode()) for n in (1000, 500))
    scripted = Scripted(DROP, thousand, rest)
    assert ask(scripted, "expose", *events).acknowledged == 1500
    keys = [asked.headers["Idempotency-Key"] for asked in scripted.asked]
    assert keys[0] == keys[1] != keys[2]
    assert [len(json.loads(asked.body)) for asked in scripted.asked] == [1000, 1000, 500]
    assert json.loads(scripted.asked[2].body)[0]["user_id"] == "u1000"


def test_events_that_the_server_refuses_are_named_by_their_place_among_all(ask: Run) -> None:
    items = [Candidate(item_id=n) for n in range(1001)]
    error = {"index": 0, "code": "wrong_type", "detail": "No."}
    partly = {"acknowledged": 0, "rejected": 1, "unacknowledged": 0, "errors": [error]}
    scripted = Scripted(Reply(body=b'{"acknowledged":1000}'), Reply(207, json.dumps(partly).encode()))
    with pytest.raises(
        PublishError, match="1000 events are in Kafka, 1 rejected, 0 open; event 1000: wrong_type"
    ) as caught:
        ask(scripted, "put", *items)
    assert caught.value.published is not None
    assert caught.value.published.errors[0].index == 1000
    scripted = Scripted(Reply(body=b'{"acknowledged":1000}'), problem(422, "event_rejected"))
    with pytest.raises(RequestError) as stopped:
        ask(scripted, "put", *items)
    assert stopped.value.__notes__ == ["Of the events before, 1000 are in Kafka: 1000 were sent."]


def test_what_cannot_be_sent_is_refused_before_anything_is(ask: Run) -> None:
    for method, argument, kind in [
        ("expose", Exposure(user_id="", item_id="i", timestamp=NOW), EventError),
        ("item", "x" * 257, EventError),
        ("retrieve", Query(features={"age": float("nan")}), ValueError),
        ("retrieve", Query(user_id="\ud800"), ValueError),
    ]:
        scripted = Scripted(GOOD)
        with pytest.raises(kind):
            ask(scripted, method, argument)
        assert scripted.asked == []


def test_addresses_that_are_none() -> None:
    for url in ("localhost:8080", "kafka://x:1", ""):
        with pytest.raises(ValueError, match="http://127"):
            Client(url)
