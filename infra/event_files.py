"""Recorded events as what applications publish: files of rows through the readers of `svq evaluate`, or JSON lines."""

import gzip
import hashlib
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

import msgspec

from infra.extra import evaluation_extra
from schemas.errors import SettingsError
from schemas.limits import DAY_MS

if TYPE_CHECKING:
    from benchmarks.interactions import Interactions

JSON_LINES = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
SAMPLE_BYTES = 1 << 20


class Published(msgspec.Struct, frozen=True, gc=False):
    """One event: of a user, or of an item that is offered from then on. `body` is JSON as on the wire."""

    body: bytes
    user: str | None
    item: str | None


class EventFile(Protocol):
    """Events in order of time, the same at every reading."""

    def read(self, skip: int) -> Iterator[tuple[float, Published]]:
        """Share of the file that is read, and the next event; the first `skip` are left out."""

    def digest(self) -> str:
        """What tells this file from another one."""

    def settings(self) -> dict[str, Any]:
        """Tasks and features that a trainer needs for these events, as in svq.toml; empty where nothing says so."""


def open_events(
    path: Path, items: Path | None, users: Path | None, tasks: Sequence[str], attributes: Sequence[str] = ()
) -> EventFile:
    """Open a file of events; `attributes` are columns of the items' file that answers shall carry.

    Raises:
        SettingsError: it cannot be read as events; says where and what to change.
    """
    if not is_json_lines(path):
        with evaluation_extra():
            from benchmarks.data.reading import read_interactions
            from infra.item_attributes import read_attributes
        if attributes and items is None:
            raise SettingsError("--attribute names a column of the items' file: give that with --items")
        carried = read_attributes(items, attributes) if attributes and items is not None else {}
        read = read_interactions(path, items, users, tasks=tasks or None)
        return RowFile(read, [path, items, users], carried, tuple(attributes))
    if items or users or tasks or attributes:
        raise SettingsError(
            f"{path} holds events as they are published: --items, --users, --task and --attribute are for tables"
        )
    open_file(path).close()
    return JsonLines(path)


class _Line(msgspec.Struct):
    user_id: str | int | None = None
    item_id: str | int | None = None
    timestamp: int = 0


@dataclass(frozen=True, slots=True)
class JsonLines:
    """A line an event: an exposure where there is a `user_id`, else a candidate."""

    path: Path

    def read(self, skip: int) -> Iterator[tuple[float, Published]]:
        """As said above. Raises SettingsError for a line that is none, or that lies a day before an earlier one."""
        decode = msgspec.json.Decoder(_Line).decode
        latest = 0
        with open_file(self.path) as raw, _lines(self.path, raw) as lines:
            size = max(self.path.stat().st_size, 1)
            for number, line in enumerate(islice(_whole(self.path, lines), skip, None), skip + 1):
                try:
                    head = decode(line)
                except (ValueError, RecursionError) as error:
                    raise SettingsError(f"{self.path}: line {number} is no event: {error}") from error
                if head.timestamp < latest - DAY_MS:
                    raise SettingsError(
                        f"{self.path}: line {number} happened more than a day before an earlier line. Events are "
                        "learnt in order of time: sort the file by timestamp first"
                    )
                latest = max(latest, head.timestamp)
                yield raw.tell() / size, Published(line.strip(), _text(head.user_id), _text(head.item_id))

    def digest(self) -> str:
        """Of its size, beginning and end."""
        return _digest([self.path])

    def settings(self) -> dict[str, Any]:
        """Lines may hold anything."""
        return {}


@dataclass(frozen=True, slots=True)
class RowFile:
    """Interactions from CSV or Parquet: the items first, then the exposures."""

    interactions: "Interactions"
    paths: Sequence[Path | None]
    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    carried: tuple[str, ...] = ()

    def read(self, skip: int) -> Iterator[tuple[float, Published]]:
        """As said above."""
        given, items = self.interactions, len(self.interactions.items)
        total = items + len(given)
        for number in range(skip, items):
            yield number / total, self._item(number)
        for row in range(max(skip - items, 0), len(given)):
            yield (items + row) / total, self._exposure(row)

    def digest(self) -> str:
        """Of the files, and of what was made of their columns."""
        given = self.interactions
        made = [task.name for task in given.tasks] + [feature.table for feature in given.features]
        made += [f"attribute {name}" for name in self.carried]
        return _digest([path for path in self.paths if path is not None], repr(made))

    def settings(self) -> dict[str, Any]:
        """Tasks by the columns of labels, features by those of items and users."""
        features: dict[str, dict[str, Any]] = {}
        for feature in self.interactions.features:
            features.setdefault(feature.side, {})[feature.name] = {"kind": feature.kind}
        tasks = {task.name: {"kind": task.kind} for task in self.interactions.tasks}
        return {"tasks": tasks, "features": features}

    def _item(self, number: int) -> Published:
        given, item = self.interactions, self.interactions.items[number]
        features = given.features_of_item(number)
        body = {"item_id": item, "timestamp": int(given.published_m[number]), "features": features}
        if attributes := self.attributes.get(item):
            body["attributes"] = attributes
        return Published(msgspec.json.encode(body), None, item)

    def _exposure(self, row: int) -> Published:
        given = self.interactions
        user = given.users[given.user_n[row]]
        labels = zip(given.tasks, given.labels_nt[row].tolist(), strict=True)
        body = {
            "user_id": user,
            "item_id": given.items[given.item_n[row]],
            "timestamp": int(given.time_n[row]),
            "labels": {task.name: label for task, label in labels if not math.isnan(label)},
            "user": given.features_of_user(int(given.user_n[row])),
        }
        return Published(msgspec.json.encode(body), user, None)


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a file of JSON lines, gzipped or not.

    Raises:
        SettingsError: it cannot be read to its end.
    """
    with open_file(path) as raw, _lines(path, raw) as lines:
        yield from _whole(path, lines)


def is_json_lines(path: Path) -> bool:
    """Whether a file holds events as on the wire, by its name."""
    return path.name.lower().endswith(JSON_LINES)


def open_file(path: Path) -> IO[bytes]:
    """The file, open for reading; SettingsError says why it cannot be."""
    try:
        return path.open("rb")
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}. Name a file of events") from error


def _whole(path: Path, lines: IO[bytes]) -> Iterator[bytes]:
    try:
        yield from lines
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SettingsError(f"{path} is damaged, or was not copied to its end: {error}") from error


def _lines(path: Path, raw: IO[bytes]) -> IO[bytes]:
    return gzip.open(raw, "rb") if path.name.endswith(".gz") else raw  # type: ignore[return-value]


def _text(value: str | int | None) -> str | None:
    return None if value is None else str(value)


def _digest(paths: Sequence[Path], more: str = "") -> str:
    digest = hashlib.sha256(more.encode())
    for path in paths:
        with open_file(path) as file:
            size = path.stat().st_size
            digest.update(b"%d" % size + file.read(SAMPLE_BYTES))
            file.seek(max(0, size - SAMPLE_BYTES))
            digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()[:16]
