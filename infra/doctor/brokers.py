"""Kafka: does it answer, what is it, how late is it there, is there space."""

import time
from collections.abc import AsyncIterator
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import ApiVersionRequest

from infra.broker_state import read_status
from infra.doctor.finding import Finding, failed, ok, skipped, warning
from infra.doctor.releases import OLDEST, release
from infra.doctor.requests import DescribeLogDirs, DescribeQuorum
from schemas.errors import ResourceError, SettingsError
from schemas.settings import Settings

GIB = 1 << 30
LEAST_DISK, ENOUGH_DISK = GIB, 5 * GIB
SKEW_MS, WRONG_MS = 2_000, 3_600_000

# What a broker that is too old or keeps it from us answers with.
UNTOLD = (KafkaError, NotImplementedError, ValueError)


async def brokers(admin: AIOKafkaAdminClient, settings: Settings) -> AsyncIterator[Finding]:
    """What is known of the brokers."""
    cluster = await admin.describe_cluster()
    nodes = [broker["node_id"] for broker in cluster["brokers"]]
    began = time.monotonic()
    answer = await admin._send_request(ApiVersionRequest(), nodes[0])  # noqa: SLF001 - it has no public way
    ms = (time.monotonic() - began) * 1000
    count = f"{len(nodes)} broker{'s' * (len(nodes) != 1)}"
    yield ok("kafka", f"{settings.kafka.bootstrap_servers} answers in {ms:.0f} ms, {count}")
    yield _version(settings, {key: most for key, _, most in answer.api_versions})
    yield await _clock(admin)
    yield await _disks(admin, nodes)


def _version(settings: Settings, versions: dict[int, int]) -> Finding:
    own = read_status(settings.broker_folder)
    if own.running and own.bootstrap in settings.kafka.bootstrap_servers:
        return ok("kafka version", f"{own.version}, embedded, data in {own.folder}")
    found = release(versions)
    if found is None:
        return failed("kafka version", f"older than {OLDEST}", f"Use Kafka {OLDEST} or newer", SettingsError)
    return ok("kafka version", f"{found} or newer, by the requests that it takes")


async def _clock(admin: AIOKafkaAdminClient) -> Finding:
    """The leader of the controllers has caught up with itself now: that is the time there."""
    before = time.time()
    try:
        answer = await admin._send_request(DescribeQuorum())  # noqa: SLF001 - it has no public way
        ((_, ((_, error, leader, _, _, voters, _, _),), _),) = answer.topics
    except UNTOLD as error:
        return skipped("clock", f"Kafka does not tell its time: {type(error).__name__}")
    after = time.time()
    there = next((caught_up for replica, _, _, caught_up, _ in voters if replica == leader), 0)
    if error or there <= 0:
        return skipped("clock", "Kafka does not tell its time")
    return judged_clock(there - (before + after) * 500, (after - before) * 500)


def judged_clock(skew_ms: float, margin_ms: float) -> Finding:
    """By how much Kafka's clock is ahead of ours; the answer was on its way for up to twice the margin."""
    where = "ahead of" if skew_ms > 0 else "behind"
    said = f"Kafka's is {abs(skew_ms):,.0f} ms {where} ours, give or take {margin_ms:,.0f}"
    remedy = "Let both machines follow one time: timedatectl set-ntp true. Events a day ahead are dead letters"
    if abs(skew_ms) - margin_ms > WRONG_MS:
        return failed("clock", said, remedy, ResourceError)
    return warning("clock", said, remedy) if abs(skew_ms) - margin_ms > SKEW_MS else ok("clock", said)


async def _disks(admin: AIOKafkaAdminClient, nodes: list[int]) -> Finding:
    spaces: list[tuple[int, str]] = []
    for node in nodes:
        try:
            answer: Any = await admin._send_request(DescribeLogDirs(), node)  # noqa: SLF001 - it has no public way
        except UNTOLD as error:
            return skipped("kafka disk", f"broker {node} does not tell: {type(error).__name__}")
        for _, folder, _, _, usable, _ in answer.results:
            spaces.append((usable, f"broker {node}: {usable / GIB:.1f} GiB free in {folder}"))
    known = [space for space in spaces if space[0] >= 0]
    if not known:
        return skipped("kafka disk", "the brokers do not tell")
    least, said = min(known)
    remedy = "Give it more disk, or keep less: kafka.retention_hours, then svq topics create --alter"
    if least < LEAST_DISK:
        return failed("kafka disk", said, remedy, ResourceError)
    return warning("kafka disk", said, remedy) if least < ENOUGH_DISK else ok("kafka disk", said)
