"""`svq demo` from the sales file to the last line."""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.data.sales import cache_folder
from infra.demo.dataset import read_sales
from infra.demo.download import ATTRIBUTION, sales_file
from infra.demo.options import Options
from infra.demo.performance import Outcome, Performance
from infra.demo.sales import Sales
from infra.demo.screen import Screen
from infra.demo.summary import invitation, summary
from infra.kafka_jars import kafka_jars
from infra.logs import configure_logs
from infra.ports import free_port, is_free
from infra.run_folder import run_folder
from infra.signals import stop_signals_interrupt
from infra.stack import Stack
from infra.supervised import StackEvent
from schemas.errors import InvariantError
from schemas.kafka import KafkaSettings
from schemas.settings import Settings, load_settings
from schemas.workers import LogSettings

SETTINGS = Path(__file__).with_name("svq.toml")
READY_S = 120.0
POLL_S = 3600.0


def demo(options: Options) -> None:
    """Run the demonstration; Ctrl-C ends everything at any time.

    Raises:
        StreamVQError: something it needs is missing, or the stack came to a stop; the message says what to do.
    """
    configure_logs(LogSettings(level="error"), role="demo")
    screen = Screen()
    with stop_signals_interrupt():
        sales = _sales(options, screen)
        with run_folder(options.data_folder, "--data-folder", "demo", screen.say) as folder:
            _perform(options, sales, folder, screen)


def _perform(options: Options, sales: Sales, folder: Path, screen: Screen) -> None:
    screen.say("Looking for Kafka; the first time it is downloaded, 43 MB")
    kafka_jars()
    begun = time.monotonic()
    screen.say("Starting Kafka, a trainer, indexers and a server")
    news: list[str] = []
    with Stack(
        _settings(options, folder),
        indexers=options.indexers,
        log_folder=folder / "logs",
        on_event=lambda event: news.extend(_news(event)),
    ) as stack:
        stack.wait_ready(READY_S)
        with screen:
            outcome = asyncio.run(Performance(options, sales, stack, screen, begun, news).run())
        _tell(options, outcome, stack.address, screen)
        if options.leave:
            return
        screen.say(invitation(stack.address, outcome.customers))
        while not stack.wait(POLL_S):
            pass
        if stack.failure:
            raise stack.failure


def _tell(options: Options, outcome: Outcome, address: str, screen: Screen) -> None:
    screen.console.print(summary(outcome.report, outcome.customers, address))
    if options.as_json:
        sys.stdout.write(json.dumps(outcome.report) + "\n")
        sys.stdout.flush()
    counted, published = outcome.report["counted"], outcome.report["published"]
    if counted != published:
        raise InvariantError(
            f"{published:,} purchases were published, {counted:,} counted: keep the data and report it"
        )


def _news(event: StackEvent) -> Iterator[str]:
    if event.kind == "ended":
        yield f"the {event.role} (pid {event.pid}) ended with {event.code} and starts again in {event.delay:g} s"


def _sales(options: Options, screen: Screen) -> Sales:
    screen.say(ATTRIBUTION)
    path = options.csv or sales_file(cache_folder(), screen.say)
    sales = read_sales(path)
    if not sales.published:
        screen.say(f"{path} is not the published file: figures will differ from published ones")
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in sorted(sales.left_out.items()))
    screen.say(f"{sales.events:,} purchases of {len(sales.products):,} products; left out: {left_out or 'nothing'}")
    return sales if options.events is None else sales.first_events(options.events)


def _settings(options: Options, folder: Path) -> Settings:
    """The bundled settings and the environment, on a broker and in a folder of the demonstration's own."""
    given = load_settings(SETTINGS)
    port = options.port
    if port is None:
        port = given.server.port if is_free(given.server.port, given.server.host) else 0
    kafka = KafkaSettings(prefix="demo", partitions=max(given.kafka.partitions, options.indexers))
    return given.model_copy(
        update={
            "data": folder,
            "kafka": kafka,
            # Not the usual port: two demonstrations started together would race for it.
            "broker": given.broker.model_copy(update={"folder": folder / "broker", "port": free_port()}),
            "server": given.server.model_copy(update={"port": port}),
        }
    )
