"""Settings of the model as `name=value` of a command line."""

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from schemas.errors import SettingsError

OF_THE_DATA = ("tasks", "features", "version")
KINDS: Mapping[type, str] = {bool: "true or false", int: "a whole number", float: "a number", list: "[one,another]"}


def with_settings(defaults: Mapping[str, Any], given: Sequence[str]) -> dict[str, Any]:
    """The defaults with what was given in their place; values are JSON, or else text.

    Raises:
        SettingsError: there is no such setting, or its value is of another kind.
    """
    values = dict(defaults)
    for setting in given:
        name, equals, text = setting.partition("=")
        if not equals:
            raise SettingsError(f"--set {setting}: expected name=value")
        if name not in defaults or name in OF_THE_DATA:
            near = get_close_matches(name, defaults, n=1)
            raise SettingsError(f"--set {setting}: unknown setting {name}" + (f"\nIs it {near[0]}?" if near else ""))
        values[name] = plain(text)
        _check(setting, name, values[name], defaults[name])
    return values


def plain(text: str) -> Any:
    """A value written as JSON, or the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _check(setting: str, name: str, value: Any, default: Any) -> None:
    """Refuse another type than the default's; a whole number will do for any number."""
    if isinstance(default, str):  # one of some words, which the model knows, or a number instead of `auto`
        fits = value == default or _is(value, int if default == "auto" else str)
        kind = f"{default} or a whole number" if default == "auto" else f"a word such as {default}"
    elif default is None:
        fits, kind = value is None or _is(value, float), "a number, or null"
    else:
        fits, kind = _is(value, type(default)), KINDS[type(default)]
    if not fits:
        example = "" if default is None or isinstance(default, str) else f", such as {json.dumps(default)}"
        raise SettingsError(f"--set {setting}: {name} is {kind}{example}")


def _is(value: Any, kind: type) -> bool:
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, int | float) if kind is float else isinstance(value, kind)
