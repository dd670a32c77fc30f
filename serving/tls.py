"""The server's certificate, taken over anew when it was renewed: connections made before keep the old one."""

import ssl
from typing import Final

import structlog

from schemas.errors import SettingsError
from schemas.service import SecuritySettings
from serving.files import Mark, mark

log = structlog.get_logger(__name__)

OLDEST: Final = ssl.TLSVersion.TLSv1_2


class Certificate:
    """A TLS context that follows the files of the settings.

    Raises:
        SettingsError: they cannot be used.
    """

    def __init__(self, security: SecuritySettings) -> None:
        self._security = security
        self._marks = self._look()
        self.context = self._context()

    def refresh(self) -> None:
        """Load the files again if they have changed; while they do not fit together, the old ones stay in use."""
        now = self._look()
        if now == self._marks:
            return
        self._marks = now
        try:
            self._context()  # where loading fails halfway, the context in use must not have been touched
            self._load(self.context)
        except SettingsError as error:
            log.error("certificate_unusable", error=str(error), effect="the one loaded before stays in use")
        else:
            log.info("certificate", path=str(self._security.tls_certificate))

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = OLDEST
        self._load(context)
        return context

    def _load(self, context: ssl.SSLContext) -> None:
        files, password = self._security, self._security.tls_key_password
        assert files.tls_certificate is not None  # noqa: S101 - the caller has looked
        try:
            # Never None: OpenSSL would ask for the password on the terminal, and a service has none.
            context.load_cert_chain(
                files.tls_certificate, files.tls_key, password.get_secret_value() if password else ""
            )
        except (OSError, ssl.SSLError) as error:
            beside = "with tls_key and tls_key_password"
            raise SettingsError(
                f"security.tls_certificate: cannot use {files.tls_certificate} {beside}: {error}"
            ) from error

    def _look(self) -> list[Mark | None]:
        files = (self._security.tls_certificate, self._security.tls_key)
        return [mark(path) for path in files if path is not None]
