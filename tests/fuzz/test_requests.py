"""Whatever is sent to a server: an answer or a problem of ours, never a defect, and the next question is answered."""

import json
import socket
from collections import Counter
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hostile import mutated, plain
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

DEADLINE_S = 60.0  # of a busy machine
TAKEN = {200, 207}
ANSWERS = TAKEN | {307, 400, 404, 405, 408, 413, 415, 422}
MOST_BYTES = 100_000
MANY = hypothesis_settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])

pytestmark = pytest.mark.timeout(300)

numbers = st.integers() | st.floats() | st.sampled_from([-1, 0, 2**31, 2**63, 2**64, 10**400])
names = st.sampled_from(["u3", "i1", "i2", "a/b", "..", "%"]) | st.text(min_size=1, max_size=60) | st.integers()
features = st.dictionaries(st.sampled_from(["country", "hour", "genre", "x"]), plain | numbers, max_size=3)
attributes = st.sampled_from(["title", "genre", "price", "x"]) | names.map(str)
values = st.sampled_from(["g1", "Item 7", 3, 3.0, True]) | st.text(max_size=8) | numbers
condition = st.one_of(
    st.fixed_dictionaries({"attribute": attributes, "eq": values}),
    st.fixed_dictionaries({"attribute": attributes, "in": st.lists(values, min_size=1, max_size=4)}),
    st.fixed_dictionaries({"attribute": attributes, "exists": st.booleans()}),
    st.fixed_dictionaries({"attribute": attributes}, optional={"gt": numbers, "lte": numbers}),
)
filters = st.recursive(
    condition,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"and": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"or": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"not": inner}),
    ),
    max_leaves=8,
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "filter": filters,
    "quotas": st.lists(
        st.fixed_dictionaries({"most": st.integers(1, 3)}, optional={"attribute": attributes}), max_size=3
    ),
    "exclude_seen": st.booleans(),
    "user_id": names,
    "history": st.lists(names, max_size=5),
    "features": features,
    "context": features,
    "k": st.integers(1, 100),
    "exclude": st.lists(names, max_size=5),
    "tasks": st.dictionaries(st.sampled_from(["click", "watch"]), st.floats(-1e300, 1e300), min_size=1, max_size=2),
    "candidates": st.integers(1, 500),
    "exact": st.booleans(),
    "explain": st.booleans(),
}
well_formed = st.fixed_dictionaries({}, optional=FIELDS)
one_wrong = st.builds(
    lambda query, name, value: query | {name: value},
    well_formed,
    st.sampled_from([*FIELDS, "more"]),
    plain | numbers | st.text(min_size=300, max_size=400),
)
queries = well_formed | one_wrong
SAMPLES = [
    json.dumps(body).encode()
    for body in (
        {"user_id": "u3", "features": {"country": "c1"}, "k": 5, "tasks": {"watch": 1.0}, "explain": True},
        {
            "filter": {"and": [{"attribute": "genre", "in": ["g1", 2]}, {"not": {"attribute": "price", "lt": 9}}]},
            "k": 3,
        },
        {"quotas": [{"most": 2}, {"most": 1, "attribute": "genre"}], "exclude_seen": True},
        {"queries": [{"history": ["i1", "i2"], "exclude": ["i7"]}, {"exact": True}]},
    )
]
EVENTS = [
    json.dumps(body).encode()
    for body in (
        {"user_id": "u3", "item_id": "i1", "timestamp": 1_700_000_000_000, "labels": {"click": 1}},
        [{"item_id": 7, "attributes": {"title": "x"}}, {"item_id": "i9", "features": {"genre": "g1"}}],
    )
]
types = st.sampled_from([*["application/json"] * 8, "application/x-ndjson", "application/x-ndjson", "text/plain"])
DEEP = b'{"filter":' + b'{"not":' * 200 + b'{"attribute":"a","eq":1}' + b"}" * 201
UNREADABLE = [
    b"[" * 9_000,
    b'{"features":' * 2_000,
    b"9" * 5000,
    b'{"user_id":"\\ud800"}',
    b"\xff\xfe\x00",
    b'{"filter":' + b'{"not":' * 2000,
    DEEP,
]
bodies = st.one_of(
    queries.map(lambda body: json.dumps(body).encode()),
    st.lists(queries, max_size=4).map(lambda several: json.dumps({"queries": several}).encode()),
    plain.map(lambda body: json.dumps(body).encode()),
    mutated(SAMPLES + EVENTS),
    st.sampled_from(EVENTS),
    st.sampled_from(UNREADABLE),
)
TAKING_BODIES = ["/v1/retrieve", "/v1/retrieve", "/v1/retrieve/batch", "/v1/items/i1/similar", "/v1/clusters/nearest"]
quoted = st.binary(max_size=300).map(quote)
paths = st.one_of(
    st.builds("/v1/items/{}".format, names.map(str).map(quote) | quoted),
    st.builds("/v1/clusters/{}?limit={}".format, st.integers(-3, 20) | numbers | quoted, st.integers(1, 9) | numbers),
    st.builds(
        "/v1/clusters/{}/surroundings?limit={}".format,
        st.integers(-3, 20) | numbers | quoted,
        st.integers(1, 9) | numbers,
    ),
    st.builds("/v1/series?span_s={}&after={}&points={}".format, numbers, numbers, st.integers(1, 9) | numbers),
    st.builds("/v1/moves?item_id={}".format, names.map(str).map(quote) | quoted),
    st.builds("/console/{}".format, quoted),
    st.builds("/v1/clusters?sort={}&limit={}".format, st.just("exposures") | quoted, st.integers(1, 9) | numbers),
    st.builds("/v1/items/{}/similar?k={}".format, names.map(str).map(quote) | quoted, st.integers(1, 9) | numbers),
    st.builds("/v1/clusters/{}/items?offset={}".format, st.integers(-3, 20) | numbers, st.integers(0, 9) | numbers),
    st.builds("/v1/tables/{}/{}".format, st.sampled_from(["items", "clusters", "x"]), names.map(str).map(quote)),
    st.builds("/v1/users/{}".format, names.map(str).map(quote) | quoted),
    st.sampled_from(["/v1/tables", "/v1/attributes", "/v1/attributes?limit=0", "/v1/versions", "/v1/config"]),
    st.sampled_from(["/v1/clusters/", "//", "/v1/stats/..", "/v1/retrieve/batch/", "/docs/"]),
    quoted.map("/{}".format),
)


def check(response: httpx.Response) -> int:
    """The status of a response that is as it should be."""
    assert response.status_code in ANSWERS, (response.status_code, response.text)
    if response.status_code == 307:
        assert response.headers["location"] == "console/"
    elif response.status_code not in TAKEN:
        assert response.headers["content-type"] == "application/problem+json"
        problem = response.json()
        assert problem["status"] == response.status_code
        assert problem["code"] != "http_error", "a problem without a name of its own"
        assert len(response.content) < MOST_BYTES
    return response.status_code


def test_any_body(address: str) -> None:
    statuses = Counter[int]()
    with httpx.Client(base_url=address, timeout=DEADLINE_S) as client:

        @MANY
        @given(bodies, st.sampled_from([*TAKING_BODIES, "/v1/exposures", "/v1/candidates"]), types)
        def asked(body: bytes, path: str, kind: str) -> None:
            statuses[check(client.post(path, content=body, headers={"content-type": kind}))] += 1

        asked()
        assert client.get("/healthz").json() == {"alive": True}
    assert statuses.keys() >= {200, 400, 415, 422}, "they reach all that can become of a body"


def test_any_path(address: str) -> None:
    statuses = Counter[int]()
    with httpx.Client(base_url=address, timeout=DEADLINE_S) as client:

        @MANY
        @given(paths, st.sampled_from(["GET", "GET", "GET", "POST", "DELETE"]))
        def asked(path: str, method: str) -> None:
            statuses[check(client.request(method, path))] += 1

        asked()
        assert client.get("/healthz").json() == {"alive": True}
    assert statuses.keys() >= {200, 404, 405, 422}, "they reach all that can become of a path"


def test_any_bytes(address: str) -> None:
    body = b"POST /v1/retrieve HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    url = httpx.URL(address)

    @MANY
    @given(mutated([body, b"GET /v1/stats HTTP/1.1\r\nHost: x\r\n\r\n"]) | st.binary(max_size=200))
    def sent(data: bytes) -> None:
        with socket.create_connection((url.host, url.port), timeout=DEADLINE_S) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(MOST_BYTES)
        assert not answer or int(answer.split()[1]) in ANSWERS, answer

    sent()
    assert httpx.get(f"{address}/healthz", timeout=DEADLINE_S).json() == {"alive": True}
