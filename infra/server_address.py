"""Where the server of these settings answers, from this machine."""

from schemas.settings import Settings

ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - only compared


def server_address(settings: Settings) -> str:
    """The beginning of a URL."""
    server = settings.server
    host = ANYWHERE.get(server.host, server.host)
    scheme = "https" if settings.security.tls_certificate else "http"
    return f"{scheme}://[{host}]:{server.port}" if ":" in host else f"{scheme}://{host}:{server.port}"
