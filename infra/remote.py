"""Asking a server through the client: its errors become those that end a command with a message."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from infra.server_address import server_address
from schemas.errors import SettingsError, StreamVQError, UnreachableError
from schemas.settings import load_settings

if TYPE_CHECKING:
    from streamvq_client.client import Client

KEY_VARIABLE = "SVQ_API_KEY"
ATTEMPTS = 2  # whoever types a command tries again by hand

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="Address of a server; default: that of the settings, on this machine. SSL_CERT_FILE: whom to trust.",
    ),
]


@contextmanager
def server(url: str | None) -> Iterator["Client"]:
    """A client of one server. An API key, where it wants one, comes from SVQ_API_KEY: others can read command lines.

    Raises:
        SettingsError: the question, the key or the address is wrong, or nothing is there of that name.
        UnreachableError: nobody answers there, or not now.
    """
    from streamvq_client.client import Client
    from streamvq_client.errors import ClientError

    address = (url or server_address(load_settings())).rstrip("/")
    try:
        # On this machine a certificate names another host. Elsewhere it counts; SSL_CERT_FILE names others to trust.
        client = Client(address, key=os.environ.get(KEY_VARIABLE) or None, attempts=ATTEMPTS, verify=url is not None)
    except ValueError as error:
        raise SettingsError(f"--url: {error}") from error
    with client:
        try:
            yield client
        except ClientError as error:
            raise _ours(address, error) from error


def _ours(address: str, error: Exception) -> StreamVQError:
    from streamvq_client import errors

    match error:
        case errors.DeniedError():
            return SettingsError(f"{error.detail} {error.remedy}\nThe key is taken from {KEY_VARIABLE}")
        case errors.RequestError() | errors.NotFoundError():
            return SettingsError(f"{error.detail} {error.remedy}")
        case errors.ServerError():
            return UnreachableError(f"{address}: {error.detail} {error.remedy}")
        case errors.FormatError():
            return UnreachableError(f"what answers at {address} is no server of streamvq: {error}. See --url")
    return UnreachableError(
        f"no server at {address}: {error}.\nStart one with `svq server` or `svq up`, or name another: --url"
    )
