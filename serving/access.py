"""Who reaches the server: its keys and its certificate, kept as their files are."""

import asyncio
import ssl
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Final

import structlog

from schemas.service import SecuritySettings
from serving.keyring import Keyring
from serving.tls import Certificate

LOOK_S: Final = 1.0
"""How soon a key that was revoked is refused."""

log = structlog.get_logger(__name__)


class Access:
    """Keys and certificate of the settings.

    Attributes:
        keyring: None where no key is needed.
        tls: what uvicorn makes its TLS context with; None for plain HTTP.

    Raises:
        SettingsError: a file cannot be used.
    """

    def __init__(self, security: SecuritySettings) -> None:
        self.keyring = Keyring(security.keys) if security.keys else None
        self._certificate = Certificate(security) if security.tls_certificate else None

    @property
    def tls(self) -> Callable[..., ssl.SSLContext] | None:
        """As said above."""
        if self._certificate is None:
            return None
        context = self._certificate.context
        return lambda *_: context

    async def watch(self) -> None:
        """Follow the files until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            for followed in (self.keyring, self._certificate):
                if followed is not None:
                    followed.refresh()


def warn(security: SecuritySettings, host: str) -> None:
    """Say so where other machines reach the server, and nothing keeps them from using it or from listening in."""
    if ip_address(host).is_loopback:
        return
    said: dict[str, Any] = {"host": host, "docs": "docs/security.md"}
    if security.keys is None:
        what = "whoever reaches this address may ask, publish and delete"
        remedy = "set security.keys (`svq keys create`), or server.host = 127.0.0.1"
        log.warning("open_to_everybody", effect=what, remedy=remedy, **said)
    if security.tls_certificate is None:
        what = "keys, questions and events can be read on their way"
        log.warning("not_encrypted", effect=what, remedy="set security.tls_certificate, or let a proxy do it", **said)
