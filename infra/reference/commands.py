"""Every command of `svq` with its arguments and options."""

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from infra.cli import COMMANDS, app
from infra.reference.page import begin, code, plain, table

ABOUT = """What `svq --help` and `svq COMMAND --help` say.
`svq --config FILE COMMAND` reads another settings file than `svq.toml`."""


def page() -> Iterator[str]:
    """The page."""
    yield from begin("Commands", ABOUT)
    for words, command in commands():
        yield from (f"## svq {' '.join(words)}", "", *_help(command), "")
        shown = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
        if hasattr(command, "commands"):
            yield from (f"`svq {' '.join(words)}` {_kinds(command)}", "")
        yield from table(("argument", "what"), [_argument(one) for one in shown if one.param_type_name == "argument"])
        yield from table(
            ("option", "default", "what"),
            [_option(one) for one in shown if one.param_type_name == "option" and one.name != "help"],
        )


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Words behind `svq`, and the command; groups before what is in them."""
    program = get_command(app)
    for name in COMMANDS:
        yield from _below((name,), program.get_command(None, name))  # type: ignore[attr-defined]


def _below(words: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield words, command
    for name, below in getattr(command, "commands", {}).items():
        yield from _below((*words, name), below)


def _help(command: Any) -> list[str]:
    return [plain(line.replace("\b", "").strip()) for line in (command.help or "").splitlines()]


def _kinds(command: Any) -> str:
    alone = "does the above without one of these, else: " if command.invoke_without_command else "needs one of: "
    return alone + ", ".join(code(name) for name in command.commands)


def _argument(argument: Any) -> tuple[str, str]:
    return code(argument.metavar or argument.name.upper()), argument.help or ""


def _option(option: Any) -> tuple[str, str, str]:
    names = ", ".join(code(name) for name in (*option.opts, *option.secondary_opts))
    return names, "required" if option.required else _default(option), option.help or ""


def _default(option: Any) -> str:
    value = option.default
    if value is None or value is False or callable(value) or value in ((), []):
        return ""
    return code(str(getattr(value, "value", value)))
