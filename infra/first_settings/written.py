"""What was guessed as a commented `svq.toml`."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from infra.first_settings.guessed import Guessed
from schemas.complaints import complain
from schemas.errors import SettingsError
from schemas.settings import Settings

WIDTH = 110

SIDES = {
    "item": "features of the item: sent with it in `candidates`",
    "user": "features of the user: sent as `user` with every exposure and query",
    "context": "features of the moment: sent as `context` with every exposure and query",
}


def settings_text(guessed: Guessed, command: str, prefix: str) -> str:
    """The file; checked: `load_settings` takes it."""
    text = "\n".join(_lines(guessed, command, prefix)) + "\n"
    try:
        Settings.model_validate(tomllib.loads(text))
    except ValidationError as error:
        raise complain(Settings, error, Path("svq.toml"), {}) from None
    return text


def require_new(path: Path, *, force: bool) -> None:
    """SettingsError where a file would be overwritten that nobody gave up."""
    if path.exists() and not force:
        raise SettingsError(f"{path} exists. Give another name with --out, or --force to write it anew")


def write_settings(path: Path, text: str, *, force: bool) -> None:
    """Write it where nothing is, unless that is wanted."""
    require_new(path, force=force)
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be written: {error}. Give another place with --out") from error


def _lines(guessed: Guessed, command: str, prefix: str) -> Iterator[str]:
    yield from _comment(
        f"Settings for the events of `{command}`: {guessed.events:,} exposures of {guessed.users:,} users and "
        f"{guessed.items:,} items. What is below was guessed; change what is wrong, then `svq config check`. "
        "Everything else that can be set: `svq config show`. Only the trainer needs tasks and features: they travel "
        "with the model."
    )
    for note in guessed.notes:
        yield from _comment(f"- {note}")
    yield from ("", "[kafka]")
    yield from _comment("First part of every topic's name: one retriever, one prefix.")
    yield f"prefix = {json.dumps(prefix)}"
    yield from _comment("Without an address `svq up` starts a Kafka of its own. Yours: host:port, several with commas.")
    yield '# bootstrap_servers = "127.0.0.1:9092"'
    for place, task in enumerate(guessed.tasks):
        yield ""
        yield from _comment(
            "What to predict, by label: a label that is no task makes its event a dead letter."
            if place == 0
            else "Learned beside it. A query weighs the tasks with `tasks`; without, all count alike."
        )
        yield from _comment(f"{task.name}: {task.why}")
        yield from (f"[tasks.{task.name}]", f'kind = "{task.kind}"')
    last = ""
    for feature in guessed.features:
        yield ""
        if feature.side != last:
            yield from _comment(SIDES[feature.side])
        last = feature.side
        yield from _comment(f"{feature.name}: {feature.why}")
        yield from (f"[features.{feature.side}.{feature.name}]", f'kind = "{feature.kind}"')
    if not guessed.features:
        yield ""
        yield from _comment(
            "No features: items and users are told apart by their ids alone, so a new item is found once it was shown. "
            "With `svq init EVENTS --items FILE` it is placed by what it is."
        )
        yield from ("# [features.item.category]", '# kind = "categorical"  # multi: several values; numeric: a number')


def _comment(text: str) -> Iterator[str]:
    """Lines of a comment; TOML wants no control characters in it, and names of the events may hold any."""
    text = "".join(letter if letter.isprintable() else "�" for letter in text)
    line = "#"
    for word in text.split():
        if len(line) + 1 + len(word) > WIDTH and line != "#":
            yield line
            line = "#  " if text.startswith("- ") else "#"
        line += f" {word}"
    yield line
