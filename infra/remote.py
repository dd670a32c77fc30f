"""Asking a server: JSON there and back, problems as errors that end a command with a message."""

import json
import os
import ssl
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Annotated, Any
from urllib.parse import quote, urlencode, urlsplit

import typer

from schemas.errors import SettingsError, UnreachableError
from schemas.settings import load_settings

TIMEOUT_S = 30.0
TOO_MANY, UNAVAILABLE = 429, 503
KEY_VARIABLE = "SVQ_API_KEY"

Url = Annotated[
    str | None, typer.Option("--url", help="Address of a server; default: that of the settings, on this machine.")
]


class Remote:
    """One server. An API key, where it wants one, comes from SVQ_API_KEY: a command line can be read by others."""

    def __init__(self, url: str | None) -> None:
        self.url = (url or _own_address()).rstrip("/")
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise SettingsError(f"--url {self.url}: not an address of a server; write http://host:8080")

    def get(self, path: str, **parameters: Any) -> Any:
        """The answer to a GET; `path` in parts is to be made with `part`."""
        query = urlencode({name: value for name, value in parameters.items() if value is not None})
        return self._ask("GET", f"{path}?{query}" if query else path, None)

    def post(self, path: str, body: Any) -> Any:
        """The answer to a POST of JSON."""
        return self._ask("POST", path, json.dumps(body).encode())

    def delete(self, path: str) -> Any:
        """The answer to a DELETE."""
        return self._ask("DELETE", path, None)

    def _ask(self, method: str, path: str, body: bytes | None) -> Any:
        headers = {"content-type": "application/json", "accept": "application/json"}
        if key := os.environ.get(KEY_VARIABLE):
            headers["authorization"] = f"Bearer {key}"
        request = urllib.request.Request(self.url + path, body, headers, method=method)  # noqa: S310 - checked above
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - checked above
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise _problem(self.url, error) from None
        except (OSError, HTTPException, ssl.SSLError) as error:
            reason = getattr(error, "reason", None) or error
            raise UnreachableError(
                f"no server at {self.url}: {reason}.\nStart one with `svq server` or `svq up`, or name another: --url"
            ) from error
        except ValueError as error:
            raise UnreachableError(
                f"what answers at {self.url} is no server of streamvq: {error}. See --url"
            ) from error


def part(text: str) -> str:
    """A piece of a path, percent-encoded."""
    return quote(text, safe="")


def _own_address() -> str:
    server = load_settings().server
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(server.host, server.host)  # noqa: S104 - only compared
    return f"http://[{host}]:{server.port}" if ":" in host else f"http://{host}:{server.port}"


def _problem(url: str, error: urllib.error.HTTPError) -> Exception:
    """What a problem of the server means for a command."""
    try:
        told = json.loads(error.read())
        message = f"{told['detail']} {told['remedy']}"

    except (ValueError, KeyError, TypeError, OSError):
        return UnreachableError(f"what answers at {url} is no server of streamvq: {error}. See --url")
    if error.code in {TOO_MANY, UNAVAILABLE}:
        return UnreachableError(f"{url}: {message}")
    if error.code in {401, 403}:
        return SettingsError(f"{message}\nThe key is taken from {KEY_VARIABLE}")
    return SettingsError(message)
