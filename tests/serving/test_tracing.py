"""Traces from a request through a record's header to the step that files the item, at a collector's real socket."""

import asyncio
import http.server
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from streamvq_client.partitioner import partition_of

from schemas.kafka import connection
from schemas.settings import Settings
from schemas.tracing import TracingSettings
from tables.offsets import reader
from tables.tracing import Tracing
from tests.agents.index_bench import RUN, candidate
from tests.serving.conftest import running
from tests.serving.world import World
from tests.tables.chaos import Worker, until

DEADLINE_S = 60.0
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector(http.server.ThreadingHTTPServer):
    """Keeps the spans that are sent to it, with the name of their service."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.spans: list[tuple[str, Any]] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def named(self, name: str) -> list[Any]:
        return [span for _, span in self.spans if span.name == name]


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
        for resource in request.resource_spans:
            named = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.server.spans.extend((named["service.name"], span) for span in scope.spans)  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield listening
        listening.shutdown()
        thread.join()


def attributes(span: Any) -> dict[str, str]:
    return {each.key: each.value.string_value or str(each.value.int_value) for each in span.attributes}


async def test_a_request_is_a_span_below_its_callers(
    collector: Collector, server_settings: Settings, world: World
) -> None:
    traced = server_settings.model_copy(update={"tracing": TracingSettings(endpoint=collector.endpoint)})
    async with running(traced) as server:
        await server.ready()
        caller = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
        answer = await server.client.post("/v1/retrieve", json={"user_id": "u1"}, headers=caller)
        assert answer.status_code == 200
        missing = await server.client.get("/v1/items/of-a-secret-name")
        assert missing.status_code == 404
    (asked,) = collector.named("POST /v1/retrieve")
    assert (asked.trace_id.hex(), asked.parent_span_id.hex()) == (TRACE, CALLER)
    assert attributes(asked)["http.route"] == "/v1/retrieve"
    (item,) = collector.named("GET /v1/items/{item_id:path}")
    assert attributes(item)["http.response.status_code"] == "404"
    assert item.trace_id.hex() != TRACE
    assert {service for service, _ in collector.spans} == {"svq-server"}
    assert not [span for _, span in collector.spans if "secret" in str(span)], "ids stay where they are"


async def test_what_is_published_over_http_belongs_to_the_callers_trace(
    collector: Collector, server_settings: Settings
) -> None:
    traced = server_settings.model_copy(update={"tracing": TracingSettings(endpoint=collector.endpoint)})
    async with running(traced) as server:
        caller = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
        await server.ready()
        answer = await server.client.post("/v1/candidates", json={"item_id": "i1"}, headers=caller)
        assert answer.status_code == 200
    async with reader(connection(traced.kafka)) as kafka:
        kafka.assign([TopicPartition(traced.topics.candidates, partition_of(b"i1", 2))])
        record = await asyncio.wait_for(kafka.getone(), DEADLINE_S)
    (published,) = collector.named("POST /v1/candidates")
    assert dict(record.headers)["traceparent"].decode() == f"00-{TRACE}-{published.span_id.hex()}-01"


async def test_a_collector_that_is_away_costs_no_answer(server_settings: Settings, world: World) -> None:
    traced = server_settings.model_copy(update={"tracing": TracingSettings(endpoint="http://127.0.0.1:1")})
    async with running(traced) as server:
        await server.ready()
        assert (await server.client.post("/v1/retrieve", json={"user_id": "u1"})).status_code == 200


async def test_a_step_names_what_published_its_records(
    collector: Collector, settings_with_topics: Settings, tmp_path: Path
) -> None:
    settings, topic = settings_with_topics, settings_with_topics.topics.candidates
    environment = {
        "SVQ_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "SVQ_KAFKA__PREFIX": settings.kafka.prefix,
        "SVQ_INDEXER__FOLDER": str(tmp_path),
        "SVQ_TRACING__ENDPOINT": collector.endpoint,
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    publishing = Tracing(TracingSettings(endpoint=collector.endpoint), "server")
    worker = Worker(RUN, environment)
    try:
        async with AIOKafkaProducer(**connection(settings.kafka)) as kafka:
            with publishing.request("POST", {"traceparent": f"00-{TRACE}-{CALLER}-01"}) as span:
                headers = list(publishing.headers())
                await kafka.send_and_wait(topic, candidate("i1", {}), key=b"i1", headers=headers)
            await kafka.send_and_wait(topic, candidate("i2", {}), key=b"i2")
            await kafka.send_and_wait(
                topic, candidate("i3", {}), key=b"i3", headers=[("traceparent", b"\xff nonsense")]
            )

            async def told() -> bool:
                return bool(collector.named(f"process {topic}"))

            await until(told, DEADLINE_S, lambda: "no span of a step")
        assert await asyncio.to_thread(worker.stop) == 0
    finally:
        worker.end()
    publishing.close()
    (step,) = collector.named(f"process {topic}")
    (published,) = collector.named("POST")
    assert published.span_id == span.get_span_context().span_id.to_bytes(8, "big")
    assert [link.span_id for link in step.links] == [published.span_id]
    assert step.trace_id.hex() == TRACE
    assert step.parent_span_id == published.span_id
    assert attributes(step)["messaging.destination.name"] == topic
    assert {service for service, one in collector.spans if one == step} == {"svq-indexer"}


def test_a_step_of_several_causes_is_a_trace_of_its_own(collector: Collector) -> None:
    tracing = Tracing(TracingSettings(endpoint=collector.endpoint), "indexer")
    callers = [f"{number:016x}" for number in range(1, 301)]
    records = [[("traceparent", f"00-{TRACE}-{caller}-01".encode())] for caller in callers]
    not_kept = [[("traceparent", f"00-{TRACE}-{CALLER}-00".encode())]]
    with tracing.step("svq-candidates", 3, [*not_kept, *records, *records]):
        time.sleep(0)
    with tracing.step("svq-assignments", 3, not_kept):
        pass
    tracing.close()
    ((_, step),) = collector.spans
    assert step.parent_span_id == b""
    assert step.trace_id.hex() != TRACE
    assert 100 < len(step.links) <= 128, "bounded"
    assert attributes(step)["messaging.destination.partition.id"] == "3"


def test_off_is_off() -> None:
    assert Tracing.of(TracingSettings(), "server") is None
    code = (
        "import sys; from schemas.settings import Settings; from serving.app import Server; Server(Settings());"
        "import agents.indexer; sys.exit('opentelemetry.sdk' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], timeout=100, check=False)
    assert done.returncode == 0
