"""Everything in one order; what cannot be looked at because of something else is skipped, never an error of its own."""

import asyncio
from collections.abc import AsyncIterator, Iterator

from aiokafka.errors import KafkaError

from infra.doctor.brokers import brokers
from infra.doctor.finding import Finding, failed, from_error, ok, skipped
from infra.doctor.installed import installed
from infra.doctor.kafka_state import topics, workers
from infra.doctor.machine import machine
from infra.doctor.ports import ports, server
from infra.own_broker import with_own_broker
from infra.reach import administration, quiet_client_logs
from schemas.errors import SettingsError, StreamVQError, UnreachableError
from schemas.settings import Settings, load_settings
from schemas.sources import find_file

DEADLINE_S = 30.0
OF_KAFKA = (
    "kafka version",
    "clock",
    "kafka disk",
    "topics",
    "partitions",
    "replicas",
    "policies",
    "trainer",
    "indexer",
)


def examine() -> Iterator[Finding]:
    """One finding after the other, as they come."""
    try:
        settings = with_own_broker(load_settings())
    except SettingsError as error:
        remedy = "Change it, then svq config check. Looked at below: what the defaults need"
        yield failed("settings", str(error).replace("\n", "; "), remedy, SettingsError)
        settings, usable = Settings(), False
    else:
        usable = True
        file = find_file(None) or "no file: defaults and SVQ_ variables"
        yield ok("settings", f"{file}; Kafka at {settings.kafka.bootstrap_servers}, prefix {settings.kafka.prefix}")
    yield from installed(settings)
    yield from machine(settings)
    answers = False
    if usable:
        for finding in asyncio.run(_of_kafka(settings)):
            answers = answers or (finding.check == "kafka" and finding.status == "ok")
            yield finding
    else:
        yield from (skipped(check, "the settings cannot be used") for check in ("kafka", *OF_KAFKA))
    yield from ports(settings, kafka_answers=answers)
    yield server(settings)


async def _of_kafka(settings: Settings) -> list[Finding]:
    found: list[Finding] = []
    try:
        async with asyncio.timeout(DEADLINE_S):
            with quiet_client_logs():
                async for finding in _asked(settings):
                    found.append(finding)  # noqa: PERF401 - what was found before an error counts
    except StreamVQError as error:
        found.append(from_error("kafka", error))
    except (KafkaError, TimeoutError, OSError) as error:
        said = f"stopped answering: {type(error).__name__} {error}".rstrip()
        remedy = "Look again; if it stays so, see the broker's log and the rights of our login"
        found.append(failed("kafka", said, remedy, UnreachableError))
    looked = {finding.check for finding in found}
    return found + [skipped(check, "Kafka does not answer") for check in OF_KAFKA if check not in looked]


async def _asked(settings: Settings) -> AsyncIterator[Finding]:
    async with administration(settings.kafka) as admin:
        async for finding in brokers(admin, settings):
            yield finding
        facts, findings = await topics(admin, settings)
        for finding in findings:
            yield finding
        async for finding in workers(admin, settings, facts):
            yield finding
