"""Public interaction sets as streams in time order."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from pipeline.config import Feature, Task

WORD = re.compile(r"[a-z0-9]+")


@dataclass
class Stream:
    """Exposures in time order, with what is known of users and items.

    Attributes:
        labels_nt: one column a task; events positive for the first task are predicted.
        repeats: whether a user may take an item twice; if not, items taken before are not offered.
        published: item -> time (ms) from which it may be offered; absent: from its first exposure on.
    """

    name: str
    tasks: tuple[Task, ...]
    features: tuple[Feature, ...]
    user_ids: list[str]
    item_ids: list[str]
    times: list[int]
    labels_nt: np.ndarray  # type: ignore[type-arg]
    item_features: Mapping[str, Mapping[str, Any]]
    user_features: Mapping[str, Mapping[str, Any]]
    repeats: bool
    published: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.user_ids)

    def head(self, rows: int) -> "Stream":
        """Only the first rows."""
        return Stream(
            self.name, self.tasks, self.features, self.user_ids[:rows], self.item_ids[:rows], self.times[:rows],
            self.labels_nt[:rows], self.item_features, self.user_features, self.repeats, self.published,
        )  # fmt: skip


def online_retail(path: Path) -> Stream:
    """Purchases with a customer; no cancellations, returns, or stock codes that are no product (without 5 digits)."""
    users, items, times = [], [], []
    item_features: dict[str, dict[str, Any]] = {}
    user_features: dict[str, dict[str, Any]] = {}
    with path.open(encoding="cp1252", newline="") as file:
        for row in csv.DictReader(file):
            code, user = row["StockCode"].upper(), row["CustomerID"]
            if not user or row["InvoiceNo"].startswith("C") or int(row["Quantity"]) <= 0:
                continue
            if not re.match(r"\d{5}", code):
                continue
            users.append(user)
            items.append(code)
            moment = datetime.strptime(row["InvoiceDate"], "%m/%d/%Y %H:%M").replace(tzinfo=UTC)
            times.append(int(moment.timestamp() * 1000))
            words = list(dict.fromkeys(WORD.findall(row["Description"].lower())))
            item_features.setdefault(code, {"word": words, "price": float(row["UnitPrice"])})
            user_features.setdefault(user, {"country": row["Country"]})
    order = np.argsort(times, kind="stable").tolist()
    features = (
        Feature("word", "item", "multi"),
        Feature("price", "item", "numeric"),
        Feature("country", "user", "categorical"),
    )
    return Stream(
        "online-retail", (Task("purchase"),), features, [users[i] for i in order], [items[i] for i in order],
        [times[i] for i in order], np.ones((len(order), 1), np.float32), item_features, user_features, repeats=True,
    )  # fmt: skip


def movielens(folder: Path, rows: int | None = None) -> Stream:
    """Every rating is a positive; a film is rated once."""
    data = pq.read_table(folder / "interactions.parquet").slice(0, rows)
    item_features = {}
    for row in pq.read_table(folder / "items.parquet").to_pylist():
        year = row.get("year") or _year(row["title"])
        words = WORD.findall(re.sub(r"\(\d{4}\)", "", row["title"] or "").lower())
        genres = (row["genres"] or "").split("|")
        item_features[str(row["item_id"])] = {"genre": genres, "decade": str(year)[:3], "year": year, "word": words}
    features = [
        Feature("genre", "item", "multi"),
        Feature("decade", "item", "categorical"),
        Feature("year", "item", "numeric"),
        Feature("word", "item", "multi"),
    ]
    user_features: dict[str, dict[str, Any]] = {}
    if (folder / "users.parquet").exists():
        for row in pq.read_table(folder / "users.parquet").to_pylist():
            entry = {"gender": row["gender"], "occupation": str(row["occupation"]), "age": str(row["age"] // 10)}
            user_features[str(row["user_id"])] = entry
        features += [Feature(name, "user", "categorical") for name in ("gender", "occupation", "age")]
    return Stream(
        folder.name, (Task("rating"),), tuple(features), *_events(data), np.ones((len(data), 1), np.float32),
        item_features, user_features, repeats=False,
    )  # fmt: skip


def kuairand(folder: Path) -> Stream:
    """Videos shown: clicked, and watched for long."""
    data = pq.read_table(folder / "interactions.parquet")
    item_features, published = {}, {}
    for row in pq.read_table(folder / "items.parquet").to_pylist():
        item = str(row["item_id"])
        item_features[item] = {
            "author": str(row["author_id"]),
            "kind": row["upload_type"],
            "music": str(row["music_id"]),
            "tag": (row["tag"] or "").split(","),
            "duration": row["video_duration"],
        }
        day = datetime.strptime(row["upload_dt"], "%Y-%m-%d").replace(tzinfo=UTC)
        published[item] = int(day.timestamp() * 1000)
    user_features = {}
    names = ("user_active_degree", "follow_user_num_range", "register_days_range", "onehot_feat1", "onehot_feat8")
    for row in pq.read_table(folder / "users.parquet").to_pylist():
        user_features[str(row["user_id"])] = {name: str(row[name]) for name in names}
    features = (
        *(Feature(name, "item", "categorical") for name in ("author", "kind", "music")),
        Feature("tag", "item", "multi"),
        Feature("duration", "item", "numeric"),
        *(Feature(name, "user", "categorical") for name in names),
    )
    labels = np.stack([data["is_click"].to_numpy(), data["long_view"].to_numpy()], axis=1).astype(np.float32)
    users, items, _ = _events(data)
    return Stream(
        "kuairand-week1", (Task("click"), Task("long_view")), features, users, items, data["time_ms"].to_pylist(),
        labels, item_features, user_features, repeats=True, published=published,
    )  # fmt: skip


def _events(data: Any) -> tuple[list[str], list[str], list[int]]:
    users, items = (list(map(str, data[name].to_pylist())) for name in ("user_id", "item_id"))
    return users, items, [time * 1000 for time in data["timestamp"].to_pylist()]


def _year(title: str | None) -> int | None:
    found = re.search(r"\((\d{4})\)", title or "")
    return int(found.group(1)) if found else None
