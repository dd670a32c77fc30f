"""Where settings come from: a TOML file, overridden by SVQ_ environment variables."""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic_settings import BaseSettings, EnvSettingsSource
from pydantic_settings import SettingsError as SourceError

from schemas.errors import SettingsError
from schemas.limits import FILES

DEFAULT_FILE = "svq.toml"
PREFIX = "SVQ_"
NO_SETTINGS = {"SVQ_CONFIG", "SVQ_DEBUG"}

# Kubernetes sets SVQ_SERVER_PORT=tcp://… in every pod beside a service named svq-server; that is not ours.
SERVICE_LINK = re.compile(r"(tcp|udp|sctp)://")


def find_file(path: Path | None) -> Path | None:
    """The settings file: the given one, else the one SVQ_CONFIG names, else svq.toml here if there is one."""
    named = path or (Path(os.environ["SVQ_CONFIG"]) if os.environ.get("SVQ_CONFIG") else None)
    if named is not None:
        return named.expanduser()
    return Path(DEFAULT_FILE) if Path(DEFAULT_FILE).exists() else None


def read_file(path: Path) -> dict[str, Any]:
    """Contents of the TOML file; SettingsError says where it is wrong."""
    try:
        with path.open("rb") as file:
            content = file.read(FILES.settings_bytes + 1)
        if len(content) > FILES.settings_bytes:
            raise SettingsError(f"{path}: has more than {FILES.settings_bytes} bytes: no settings file")
        return tomllib.loads(content.decode())
    except FileNotFoundError as error:
        raise SettingsError(
            f"{path}: no such file. Give another with --config or SVQ_CONFIG, or leave both out"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: is not valid TOML: {error}") from error


def read_environment(kind: type[BaseSettings]) -> dict[str, Any]:
    """Settings that the environment holds, nested as in the file; SettingsError names a variable that is none."""
    known = set(_names(kind, PREFIX))
    top = set(kind.model_fields)
    for variable, value in os.environ.items():
        if (
            variable.upper().startswith(PREFIX)
            and variable.upper() not in NO_SETTINGS
            and not SERVICE_LINK.match(value)
        ):
            _refuse_unknown(variable, known, top)
    try:
        return EnvSettingsSource(kind)()
    except SourceError as error:
        raise SettingsError(
            f"environment: {error}. Write the value as JSON, or set one key at a time with '__'"
        ) from error


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both, key by key through all tables; where both hold a value, `above` wins."""
    merged = dict(below)
    for key, value in above.items():
        beneath = merged.get(key)
        nested = isinstance(value, Mapping) and isinstance(beneath, Mapping)
        merged[key] = merge(beneath, value) if nested else value  # type: ignore[arg-type]  # both are tables
    return merged


def holds(values: Mapping[str, Any], key: Sequence[str]) -> bool:
    """Whether a source sets this key."""
    inside: Any = values
    for part in key:
        if not isinstance(inside, Mapping) or part not in inside:
            return False
        inside = inside[part]
    return bool(key)


def plain(value: Any) -> Any:
    """A dumped setting as JSON has it, secrets in clear: for the environment of our own processes, never for output."""
    match value:
        case SecretStr():
            return value.get_secret_value()
        case Path():
            return str(value)
        case Mapping():
            return {key: plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [plain(inner) for inner in value]
    return value


def _names(kind: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in kind.model_fields.items():
        yield f"{prefix}{name}".upper()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _names(field.annotation, f"{prefix}{name}__")


def _refuse_unknown(variable: str, known: set[str], top: set[str]) -> None:
    """Complain about what must be a mistake; a name without '__' may be another program's, unless it looks ours."""
    section, nested, _ = variable.removeprefix(PREFIX).lower().partition("__")
    if section in top:
        return  # the section itself says which of its keys do not exist
    joined = {re.sub("_+", "_", name): name for name in known}
    meant = joined.get(variable.upper())
    if not nested and meant is None:
        return
    near = [meant] if meant else get_close_matches(variable.upper(), known, 1)
    hint = f"; did you mean {near[0]}?" if near else f"; the sections are {', '.join(sorted(top))}"
    raise SettingsError(f"environment: {variable}: no such setting{hint}")
