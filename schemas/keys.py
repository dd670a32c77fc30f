"""The file of API keys: who may do what, until when. It holds digests; a key itself is seen once, when it is made.

A key is 256 random bits, so that a plain SHA-256 of it tells nothing: there is no list of likely keys to try.
"""

import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

import msgspec

from schemas.errors import SettingsError

MARK: Final = "svq"
"""How every key begins: scanners of code and logs find those that were left there."""
ID_BYTES: Final = 5
SECRET_BYTES: Final = 32
FORMAT = 1

Scope = Literal["read", "write"]


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a key.

    Attributes:
        id: its second part, by which it is found and named.
        name: whose it is, for people.
        scope: `read`, or `write`: publishing too.
        sha256: digest of the whole key.
        created: when it was made.
        expires: when it ends, None: never.
    """

    id: str
    name: str
    scope: Scope
    sha256: str
    created: datetime
    expires: datetime | None = None

    def fits(self, key: str) -> bool:
        """Whether this is the key, found out in a time that tells nothing."""
        return hmac.compare_digest(self.sha256, _digest(key))

    def expired(self, now: datetime) -> bool:
        """Whether it has ended."""
        return self.expires is not None and self.expires <= now


class NewKey(NamedTuple):
    """A key, and what is kept of it."""

    key: str
    kept: ApiKey


class _File(msgspec.Struct):
    v: int
    keys: list[ApiKey]


def new_key(name: str, scope: Scope, expires: datetime | None = None) -> NewKey:
    """A key that nobody has."""
    name_of_it = secrets.token_hex(ID_BYTES)
    key = f"{MARK}_{name_of_it}_{secrets.token_urlsafe(SECRET_BYTES)}"
    now = datetime.now(UTC).replace(microsecond=0)
    return NewKey(key, ApiKey(id=name_of_it, name=name, scope=scope, sha256=_digest(key), created=now, expires=expires))


def id_of(key: str) -> str:
    """The part of a key by which it is found; empty for what is none.

    >>> id_of("svq_0f3b_secret_part"), id_of("something")
    ('0f3b', '')
    """
    mark, _, rest = key.partition("_")
    name, found, _ = rest.partition("_")
    return name if mark == MARK and found else ""


def encode_keys(keys: list[ApiKey]) -> bytes:
    """The file."""
    return msgspec.json.format(msgspec.json.encode(_File(FORMAT, keys)), indent=1) + b"\n"


def decode_keys(content: bytes) -> list[ApiKey]:
    """The keys of a file; SettingsError says why it is none."""
    try:
        file = msgspec.json.decode(content, type=_File)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"is no file of keys: {error}. `svq keys create` writes one") from error
    if file.v != FORMAT:
        raise SettingsError(f"has format version {file.v}, this program knows {FORMAT}: update streamvq")
    if len({key.id for key in file.keys}) < len(file.keys):
        raise SettingsError("holds two keys of one id: remove one of them")
    if any(key.expires is not None and key.expires.tzinfo is None for key in file.keys):
        raise SettingsError("holds an `expires` without time zone: end it with Z")
    return file.keys


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
