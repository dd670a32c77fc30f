"""Every setting, by section."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from infra.reference.page import begin, code, table
from schemas import sources
from schemas.settings import Settings

ABOUT = """Each stands in `svq.toml` under its section, or in a variable, which wins:
`SVQ_KAFKA__PREFIX` is `prefix` of `[kafka]`. `svq config show` prints what is in effect and where it comes from,
`svq config check` says what is wrong."""


def page() -> Iterator[str]:
    """The page."""
    yield from begin("Settings", ABOUT)
    for path, section in sections():
        rows = [_row(name, field) for name, field in section.model_fields.items() if not _inner(field)]
        yield from (f"## {_title(path)}", "", (section.__doc__ or "").strip().split("\n\n")[0], "")
        if rows and "<name>" not in path:
            yield from (
                f"Variables: `{sources.PREFIX}{''.join(f'{part.upper()}__' for part in path)}` and the name.",
                "",
            )
        yield from table(("setting", "type", "default", "what"), rows)


def sections(above: tuple[str, ...] = (), section: type[BaseModel] = Settings) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Path and class of each section; `<name>` stands for names that are chosen freely."""
    yield above, section
    for name, field in section.model_fields.items():
        inner = _inner(field)
        if inner:
            named = get_origin(field.annotation) is dict
            yield from sections((*above, name, *(["<name>"] if named else [])), inner)


def _inner(field: FieldInfo) -> type[BaseModel] | None:
    """The section that a field is, or a table of which it is."""
    kind: Any = field.annotation
    if get_origin(kind) is dict:
        kind = get_args(kind)[1]
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _title(path: tuple[str, ...]) -> str:
    return code(f"[{'.'.join(path)}]") if path else "Above all sections"


def _row(name: str, field: FieldInfo) -> tuple[str, str, str, str]:
    return code(name), _kind(field.annotation), _default(field), field.description or ""


def _kind(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(code(str(value)) for value in get_args(annotation))
    if parts := [part for part in get_args(annotation) if part not in (NoneType, Ellipsis)]:
        kinds = " or ".join(dict.fromkeys(_kind(part) for part in parts))
        return f"list of {kinds}" if get_origin(annotation) in (tuple, list) else kinds
    names = {str: "text", Path: "path", SecretStr: "secret", bool: "yes or no", int: "integer", float: "number"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default is None or field.default_factory:
        return ""
    return code(json.dumps(field.default))
