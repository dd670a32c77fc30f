"""Examples of questions and answers for /docs, none with a null, which OpenAPI leaves out; tests check their types."""

from typing import Any, Final

from schemas.http import Answer, BatchAnswer, Explanation, Found, Notice, Problem, TaskScore
from schemas.http_near import NearCluster, NearestAnswer, SimilarAnswer, SimilarItem
from schemas.http_state import (
    AttributeList,
    AttributeState,
    ClusterItems,
    ClusterList,
    ClusterState,
    Configuration,
    ItemState,
    Liked,
    Member,
    MemberPage,
    Readiness,
    Stats,
    TableList,
    TableRow,
    TopicState,
    UserState,
    Versions,
)
from serving.json_body import plain
from serving.problems import MEDIA_TYPE, problem

VERSION: Final = 1833972338688000123
BEGIN: Final = 1_749_000_000_000
MUG: Final[dict[str, Any]] = {"title": "A mug", "lang": "de", "price": 7.5}

QUERIES: Final[dict[str, Any]] = {
    "known user": {"value": {"user_id": "u17", "k": 20}},
    "somebody new": {"value": {"history": ["i42", "i7"], "features": {"country": "DE"}, "k": 20}},
    "some items only": {
        "value": {
            "user_id": "u17",
            "filter": {"and": [{"attribute": "lang", "in": ["de", "en"]}, {"attribute": "price", "gte": 5, "lt": 20}]},
            "exclude_seen": True,
        }
    },
    "variety": {"value": {"user_id": "u17", "quotas": [{"most": 3}, {"attribute": "brand", "most": 2}]}},
    "how good is the index": {"value": {"user_id": "u17", "k": 100, "exact": True, "explain": True}},
}
BATCHES: Final[dict[str, Any]] = {"two users": {"value": {"queries": [{"user_id": "u17"}, {"user_id": "u18", "k": 5}]}}}
SIMILAR_QUERIES: Final[dict[str, Any]] = {
    "cheap ones": {"value": {"k": 5, "filter": {"attribute": "price", "lt": 10}}},
    "any": {"value": {}},
}
NEAREST_QUERIES: Final[dict[str, Any]] = {"known user": {"value": {"user_id": "u17", "limit": 5}}}

_FOUND = Found(
    "i42",
    1.25,
    MUG,
    Explanation(
        cluster=7,
        coarse_score=0.875,
        coarse_position=0,
        fine_score=1.25,
        tasks={"click": TaskScore(weight=1.0, match=2.0, bias=0.25, popularity=-1.0, repeat=0.0)},
        version=VERSION,
        published=BEGIN,
        age_s=12.5,
    ),
)
ANSWER: Final = Answer(
    items=[_FOUND],
    k=20,
    returned=1,
    why_fewer="only 3659 items are retrievable, 1 of them fit the filter",
    rests_on="user",
    version=VERSION,
    clock=396370,
    candidates=1,
    matching=1,
    warnings=[Notice("unknown_attribute", "No item has the attribute 'colour'. See /v1/attributes.")],
)
BATCH: Final = BatchAnswer([ANSWER])
SIMILAR: Final = SimilarAnswer(
    item="i7",
    items=[SimilarItem("i42", 0.94, 7, MUG)],
    k=5,
    returned=1,
    why_fewer="only 3659 items are retrievable, 1 of them fit the filter",
    version=VERSION,
    candidates=1,
    matching=1,
    warnings=[],
)
NEAREST: Final = NearestAnswer([NearCluster(7, 0.61, {"click": 0.61}, 58)], 64, "user", VERSION, [])

_CLUSTER = ClusterState(id=7, items=58, exposures=9120, retrievable=58)
ITEM: Final = ItemState(
    id="i42",
    retrievable=True,
    bare=False,
    published=BEGIN,
    features={"category": ["a", "b"]},
    attributes=MUG,
    clusters=[7],
    bias={"click": 0.25},
    popularity=[3.5, 4.25],
    log_share=-7.75,
    exposures=120,
    version=VERSION,
    time=BEGIN + 5000,
    age_s=12.5,
)
CLUSTERS: Final = ClusterList([_CLUSTER], 65)
CLUSTER: Final = ClusterItems(_CLUSTER, ["i42", "i7"])
MEMBERS: Final = MemberPage(7, "click", [Member("i42", {"click": 0.25}, -7.75, 120, VERSION, MUG)], 0, 58, 1)
USER: Final = UserState("u17", [Liked("i7", BEGIN), Liked("i42", BEGIN + 5000)], embedded=True)
ATTRIBUTES: Final = AttributeList([AttributeState("title", 3659), AttributeState("price", 3511)], 2)
TABLES: Final = TableList({"items": 3659, "item_index": 3659, "clusters": 65, "histories": 4372})
ROW: Final = TableRow("histories", "u17", {"items": ["i7", "i42"], "times": [BEGIN, BEGIN + 5000]})
READINESS: Final = Readiness(
    ready=True,
    waiting_for=[],
    remaining=0,
    topics=[TopicState("svq-parameters", 0, caught_up=True)],
    silent_s=0.05,
    version_age_s=0.3,
)
STATS: Final = Stats(
    items=3659,
    filed=3659,
    users=4372,
    codes=64,
    codes_used=64,
    perplexity=50.1,
    largest_cluster=140,
    codebook_started=True,
    exposures=396370,
    tasks=["click"],
    half_life=604800.0,
    version=VERSION,
    clock=396370,
    version_age_s=0.3,
    readiness=READINESS,
)
VERSIONS: Final = Versions("0.1.0", VERSION, 396370, BEGIN, 0.3, {"0": 198200, "1": 198170}, "5f1c0e2b", 64)
CONFIGURATION: Final = Configuration(
    {"kafka": {"bootstrap_servers": "127.0.0.1:9092", "sasl_password": "**********"}, "server": {"port": 8080}},
    {"dim": 64, "tasks": [{"name": "click"}]},
)

PROBLEMS: Final[dict[int, Problem]] = {
    400: problem(
        400, "not_json", "The body is not JSON: Expecting value.", "Send a JSON object as described at /docs."
    ),
    401: problem(401, "no_key", "The request names no API key.", "Send one as `Authorization: Bearer <key>`."),
    403: problem(403, "read_only_key", "The API key 0c1fe2a9b3 may read.", "Use a key that may write."),
    404: problem(404, "no_such_item", "There is no item 'i43'.", "Publish it to the topic of candidates."),
    408: problem(408, "body_too_slow", "The body did not come within 10 s.", "Send it faster, or less at a time."),
    413: problem(413, "body_too_large", "A body may have 1048576 bytes.", "Send less at a time."),
    415: problem(415, "unsupported_media_type", "The body is text/plain.", "Send application/json."),
    422: problem(422, "invalid_request", "k: Input should be greater than or equal to 1", "See /docs."),
    429: problem(429, "too_many_requests", "600 requests a minute are allowed.", "Wait as long as Retry-After says."),
    500: problem(500, "defect", "The server met an error of its own.", "Report it with the server's log."),
    503: problem(503, "not_ready", "Still reading; waiting for svq-items.", "Try again; /readyz says how far it is."),
}


def answered(example: Any) -> dict[int | str, dict[str, Any]]:
    """The response of an operation that went well, with an example."""
    return {200: {"content": {"application/json": {"example": plain(example)}}}}


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems of an operation, with an example each."""
    return {
        status: {"model": Problem, "content": {MEDIA_TYPE: {"example": plain(PROBLEMS[status])}}} for status in statuses
    }
