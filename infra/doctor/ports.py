"""The ports that our processes listen at, and whether a server of ours answers."""

from collections.abc import Iterator

from infra.doctor.finding import Finding, failed, ok, warning
from infra.ports import holder, is_free
from infra.readiness import readiness
from infra.server_address import server_address
from schemas.errors import ResourceError
from schemas.settings import Settings


def server(settings: Settings) -> Finding:
    """Whether a server is ready, or could be started."""
    host, port = settings.server.host, settings.server.port
    address = server_address(settings)
    if is_free(port, host):
        return warning("server", f"none at {address}", "Start one: svq server, or svq up")
    ready, said = readiness(address)
    if ready:
        return ok("server", f"{address} is ready")
    if '"ready"' in said:
        return warning("server", f"{address} is not ready: {said}", "Wait: it reads the topics; see its log")
    remedy = "End that, or choose another: svq up --port, svq server --port, SVQ_SERVER__PORT"
    return failed("server", f"port {port} is taken by {holder(port)}", remedy, ResourceError)


def ports(settings: Settings, *, kafka_answers: bool) -> Iterator[Finding]:
    """Those of the embedded broker and of the workers' metrics."""
    broker = settings.broker.port
    if "bootstrap_servers" not in settings.kafka.model_fields_set and not kafka_answers and not is_free(broker):
        remedy = "End that, or choose another: SVQ_BROKER__PORT. `svq up` takes a free one by itself"
        yield warning("ports", f"{broker}, the broker's, is taken by {holder(broker)}", remedy)
        return
    taken = [
        port
        for worker in (settings.trainer, settings.indexer)
        if (port := worker.metrics_port) and not is_free(port, worker.metrics_host)
    ]
    yield ok("ports", f"metrics at {', '.join(map(str, taken))}" if taken else "nothing is in the way")
