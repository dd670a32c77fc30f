"""Does Kafka answer? The question every command asks first, so that its failure is one clear message."""

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from schemas.errors import SettingsError, UnreachableError
from schemas.kafka import KafkaSettings, connection

DEADLINE_S = 5.0
ATTEMPT_MS = 3000
PAUSE_S = 0.2

REFUSED = (SaslAuthenticationFailed, UnsupportedSaslMechanismError, IllegalSaslStateError, ssl.SSLCertVerificationError)
FAILED = (OSError, KafkaError, TimeoutError)


@asynccontextmanager
async def administration(kafka: KafkaSettings, deadline_s: float = DEADLINE_S) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client that is connected; UnreachableError names address, reason and remedy."""
    await reach(kafka, deadline_s)
    client = AIOKafkaAdminClient(request_timeout_ms=15_000, **connection(kafka))
    try:
        await client.start()
        yield client
    except (KafkaError, TimeoutError) as error:
        raise UnreachableError(f"Kafka at {kafka.bootstrap_servers} stopped answering: {error}. Try again") from error
    finally:
        await client.close()


async def reach(kafka: KafkaSettings, deadline_s: float = DEADLINE_S) -> None:
    """Return once a broker answers, also at the address it advertises.

    Raises:
        UnreachableError: none did within `deadline_s`; names addresses, the last reason and the remedy.
        SettingsError: one did, and refuses the login or has a certificate that is not trusted.
    """
    end = time.monotonic() + deadline_s
    arguments = connection(kafka)
    addresses = collect_hosts(arguments.pop("bootstrap_servers"))
    reason = "no answer"
    while (left := end - time.monotonic()) > 0:
        try:
            return await asyncio.wait_for(_ask_any(addresses, arguments), left)
        except _SilentError as error:
            reason = str(error)
        except TimeoutError:
            pass
        await asyncio.sleep(min(PAUSE_S, left))
    raise UnreachableError(
        f"no Kafka at {kafka.bootstrap_servers} ({kafka.security_protocol}) within {deadline_s:g} s: {reason}.\n"
        "Start one with `svq broker start`, or set SVQ_KAFKA__BOOTSTRAP_SERVERS to the address of yours"
    )


class _SilentError(Exception):
    """Nobody answered; says why."""


async def _ask_any(addresses: list[tuple[str, int, Any]], arguments: dict[str, Any]) -> None:
    reasons = []
    for host, port, _ in addresses:
        try:
            brokers = await _brokers(host, port, arguments)
        except REFUSED as error:
            raise SettingsError(_refusal(f"{host}:{port}", error, arguments)) from error
        except FAILED as error:
            reasons.append(_explain(error))
            continue
        if not brokers:
            reasons.append("it is still starting")
            continue
        if await _answers_where_it_says((host, port), brokers, arguments, reasons):
            return
    raise _SilentError(reasons[-1])


async def _answers_where_it_says(
    asked: tuple[str, int], brokers: list[tuple[Any, ...]], arguments: dict[str, Any], reasons: list[str]
) -> bool:
    """Whether any of the brokers that it names answers: one that died is named for some seconds more."""
    named = [(host, port) for _, host, port, *_ in brokers]
    for host, port in () if asked in named else named:
        try:
            await _brokers(host, port, arguments)
        except FAILED as error:
            reasons.append(
                f"it answers, but names {host}:{port} as its address (advertised.listeners), "
                f"and there: {_explain(error)}"
            )
        else:
            return True
    return asked in named


async def _brokers(host: str, port: int, arguments: dict[str, Any]) -> list[tuple[Any, ...]]:
    connected = await create_conn(host, port, request_timeout_ms=ATTEMPT_MS, **arguments)
    try:
        answer = await connected.send(MetadataRequest([]))
        brokers: list[tuple[Any, ...]] = answer.brokers
        return brokers
    finally:
        connected.close()


def _explain(error: Exception) -> str:
    return str(error).strip() or type(error).__name__


def _refusal(address: str, error: Exception, arguments: dict[str, Any]) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"Kafka at {address} has a certificate that is not trusted: {error.verify_message}. Set kafka.ssl_cafile"
    user, mechanism = arguments.get("sasl_plain_username"), arguments.get("sasl_mechanism")
    return (
        f"Kafka at {address} refuses the login of {user} by {mechanism}: {_explain(error)}.\n"
        "Set kafka.security_protocol, sasl_mechanism, sasl_username and sasl_password as that broker wants them"
    )


@contextmanager
def quiet_client_logs() -> Iterator[None]:
    """Meanwhile aiokafka logs nothing: our message says what it would report as errors while it tries again."""
    logger = logging.getLogger("aiokafka")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
