"""`svq dead-letters`: the events that were not taken, and why."""

import base64
import json
from collections import Counter, deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from streamvq_client.errors import FormatError
from streamvq_client.record import Record
from streamvq_client.snapshot import read_topic

from infra.commands.kafka_reading import run, settings_and_logs
from schemas.dead_letters import DeadLetter, arrival_ms, decode_dead_letter
from schemas.kafka import connection

SHOWN_LENGTH = 200

app = typer.Typer(no_args_is_help=True, help="Look at the events that were not taken.")


@app.callback()
def _group() -> None:
    """Look at the events that were not taken."""


@dataclass(slots=True)
class Letters:
    """Counts of all letters that match, and the newest of them."""

    newest: deque[tuple[int, DeadLetter]]
    reasons: Counter[str] = field(default_factory=Counter)
    foreign: int = 0

    async def read(self, records: AsyncIterator[Record], reason: str | None, topic: str | None) -> "Letters":
        """Take in a topic; what is no dead letter is counted as foreign."""
        async for record in records:
            try:
                letter = decode_dead_letter(record.key, record.value, record.headers)
            except FormatError:
                self.foreign += 1
                continue
            if reason in {None, letter.reason} and topic in {None, letter.topic}:
                self.reasons[letter.reason] += 1
                self.newest.append((arrival_ms(record), letter))
        return self


@app.command("list")
def show(
    reason: Annotated[str | None, typer.Option(help="Only this reason.")] = None,
    topic: Annotated[str | None, typer.Option(help="Only events from this topic.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many, the newest.")] = 20,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, values in full.")] = False,
) -> None:
    """Count the dead letters by reason and print the newest, oldest first."""
    settings = settings_and_logs()
    records = read_topic(connection(settings.kafka), settings.topics.dead_letters)
    letters = run(Letters(deque(maxlen=limit)).read(records, reason, topic))
    if as_json:
        typer.echo(json.dumps(_document(letters), ensure_ascii=False))
        return
    counts = ", ".join(f"{number} {name}" for name, number in letters.reasons.most_common())
    typer.echo(f"{letters.reasons.total()} dead letters" + (f": {counts}" if counts else ""))
    if letters.foreign:
        typer.echo(f"{letters.foreign} records are no dead letters: another program writes to this topic", err=True)
    for time_ms, letter in letters.newest:
        typer.echo(_line(time_ms, letter))


def _document(letters: Letters) -> dict[str, Any]:
    return {
        "total": letters.reasons.total(),
        "reasons": dict(letters.reasons.most_common()),
        "foreign": letters.foreign,
        "letters": [_plain(time_ms, letter) for time_ms, letter in letters.newest],
    }


def _plain(time_ms: int, letter: DeadLetter) -> dict[str, Any]:
    return {
        "time": time_ms,
        "reason": letter.reason,
        "detail": letter.detail,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "index": letter.index,
        "cut_from": letter.cut_from,
        **_bytes("key", letter.key),
        **_bytes("value", letter.value),
    }


def _bytes(name: str, data: bytes | None) -> dict[str, str | None]:
    """Text where it is UTF-8, else base64 under another name."""
    if data is None:
        return {name: None}
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(data).decode()}


def _line(time_ms: int, letter: DeadLetter) -> str:
    time = datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")
    place = f"{letter.topic}[{letter.partition}]@{letter.offset}" + ("" if letter.index is None else f"#{letter.index}")
    return "\t".join([time, place, letter.reason, letter.detail, _short(letter.key), _short(letter.value)])


def _short(data: bytes | None) -> str:
    """One line that a terminal can show, whatever is in it."""
    if data is None:
        return "null"
    text = data[: 4 * SHOWN_LENGTH].decode(errors="backslashreplace")
    printable = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
    return printable if len(printable) <= SHOWN_LENGTH else f"{printable[:SHOWN_LENGTH]}… ({len(data)} bytes)"
