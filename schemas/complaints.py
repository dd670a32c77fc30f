"""Turns what pydantic finds wrong with settings into one message that names source, key and remedy."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from schemas.errors import SettingsError
from schemas.sources import holds

MOST = 8  # complaints in one message

Key = tuple[str, ...]


def complain(
    kind: type[BaseModel], error: ValidationError, file: Path | None, environment: Mapping[str, Any]
) -> SettingsError:
    """One error for all findings, the first few of them in full."""
    # Each member of a union complains for itself: the first one speaks for the key.
    findings = {_key(kind, found["loc"]): found for found in reversed(error.errors(include_url=False))}
    lines = [_Complaint(kind, key, file, environment).line(found) for key, found in reversed(findings.items())]
    more = [f"and {len(lines) - MOST} more"] if len(lines) > MOST else []
    return SettingsError("\n".join(lines[:MOST] + more))


@dataclass(frozen=True)
class _Complaint:
    """What is wrong with one key."""

    kind: type[BaseModel]
    key: Key
    file: Path | None
    environment: Mapping[str, Any]

    def line(self, found: ErrorDetails) -> str:
        where = "environment" if self._from_environment else self.file
        return f"{where}: {self._written(self.key or ('model',))}: {self._reason(found)}"

    @property
    def _from_environment(self) -> bool:
        return self.file is None or holds(self.environment, self.key)

    def _written(self, key: Key) -> str:
        return f"SVQ_{'__'.join(key).upper()}" if self._from_environment else ".".join(key)

    def _reason(self, found: ErrorDetails) -> str:
        match found["type"]:
            case "extra_forbidden":
                return f"no such setting; {self._suggestion()}"
            case "missing":
                return "is missing"
            case "value_error":
                return found["msg"].removeprefix("Value error, ")
        value = found["input"]
        shown = isinstance(value, str | int | float | bool) and not _secret(self.kind, self.key)
        got = f" (it is {value!r})" if shown else ""
        return found["msg"].replace("Input should", "should", 1).split(", unable")[0] + got

    def _suggestion(self) -> str:
        section = _section(self.kind, self.key[:-1])
        siblings = list(section.model_fields) if section else []
        if near := get_close_matches(self.key[-1], siblings, 1):
            return f"did you mean {self._written((*self.key[:-1], near[0]))}?"
        if elsewhere := [path for path in _paths(self.kind) if path[-1] == self.key[-1]]:
            return f"did you mean {self._written(elsewhere[0])}?"
        return f"known here are {', '.join(siblings)}"


def _key(kind: type[BaseModel], location: tuple[int | str, ...]) -> Key:
    """The location without what pydantic adds for the members of a union: only names that are settings."""
    key: Key = ()
    for part in location:
        if _section(kind, key) is None and not _is_table(_annotation(kind, key)):
            break
        key = (*key, str(part))
    return key


def _annotation(kind: type[BaseModel], key: Key) -> Any:
    inside: Any = kind
    for part in key:
        if _is_table(inside):
            inside = get_args(inside)[1]
        elif isinstance(inside, type) and issubclass(inside, BaseModel) and part in inside.model_fields:
            inside = inside.model_fields[part].annotation
        else:
            return None
    return inside


def _section(kind: type[BaseModel], key: Key) -> type[BaseModel] | None:
    inside = _annotation(kind, key)
    return inside if isinstance(inside, type) and issubclass(inside, BaseModel) else None


def _is_table(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) is dict


def _secret(kind: type[BaseModel], key: Key) -> bool:
    annotation = _annotation(kind, key)
    return annotation is SecretStr or SecretStr in get_args(annotation)


def _paths(kind: type[BaseModel], above: Key = ()) -> Iterator[Key]:
    for name in kind.model_fields:
        yield (*above, name)
        if section := _section(kind, (name,)):
            yield from _paths(section, (*above, name))
