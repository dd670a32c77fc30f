"""Records that carry the version of their format: the newest is read into its type, older ones are brought up to it.

A type has the version as its tag. To change one, keep the old type under another name, give the new one the next
number, and say in a `Step` how the old becomes the new:

    decode_item = decoder(ItemRow, Step(_ItemRow1, lambda old: ItemRow(old.features, old.attributes, old.published)))
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from streamvq_client.errors import FormatError, NewerFormatError

T = TypeVar("T", bound=msgspec.Struct)
VERSION = "v"


class Step(NamedTuple):
    """A type of an earlier version, and how a value of it becomes one of the version behind it."""

    old: type[msgspec.Struct]
    upgrade: Callable[[Any], msgspec.Struct]


class Wire(Protocol):
    """`msgspec.json` or `msgspec.msgpack`."""

    Decoder: Any
    decode: Any


def version_of(struct: type[msgspec.Struct]) -> int:
    """The format version that a type has as its tag."""
    version = struct.__struct_config__.tag
    assert isinstance(version, int)  # noqa: S101 - a defect of ours
    return version


def decoder(newest: type[T], *steps: Step, name: str | None = None, wire: Wire = msgspec.json) -> Callable[[bytes], T]:
    """A function from bytes to `newest`, which raises FormatError for bytes that hold none.

    Args:
        newest: the type that is written today.
        steps: from each earlier version to the next, the oldest first.
        name: what messages call it; the type's own without one.
        wire: how it is written.
    """
    called, known = name or newest.__name__, version_of(newest)
    read = wire.Decoder(newest).decode
    readers = {version_of(step.old): wire.Decoder(step.old).decode for step in steps}

    def decode(value: bytes) -> T:
        try:
            return read(value)  # type: ignore[no-any-return]
        except (ValueError, RecursionError) as error:
            return _otherwise(value, error)

    def _otherwise(value: bytes, error: Exception) -> T:
        version = _version_in(value, wire)
        if version is not None:
            check_version(called, version, known)
        if version not in readers:
            raise FormatError(f"not {_article(called)}: {error}") from error
        try:
            found = readers[version](value)
        except (ValueError, RecursionError) as broken:
            raise FormatError(f"not {_article(called)} of version {version}: {broken}") from broken
        for step in steps:
            if version_of(step.old) >= version:
                found = step.upgrade(found)
        return found  # type: ignore[no-any-return]

    decode.__doc__ = f"The {called} in these bytes; FormatError if they hold none."
    return decode


def check_version(name: str, found: int, known: int) -> None:
    """Raise NewerFormatError for a version that this program does not know yet."""
    if found > known:
        raise NewerFormatError(f"{name} has format version {found}, this program knows {known}: update streamvq")


def _version_in(value: bytes, wire: Wire) -> int | None:
    """The version that stands in a record, whatever else does."""
    try:
        held = wire.decode(value)
    except (ValueError, RecursionError):
        return None
    version = held.get(VERSION) if isinstance(held, dict) else held[0] if isinstance(held, list) and held else None
    return version if isinstance(version, int) else None


def _article(name: str) -> str:
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
