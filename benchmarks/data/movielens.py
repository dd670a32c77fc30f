"""MovieLens, and MovieTweetings, which has its form."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv

RATINGS = ("user_id", "item_id", "rating", "timestamp")
LAST_TWEET = 1_383_696_025  # upstream goes on until 2021; with this end, results stay comparable
YEAR = re.compile(r"\((\d{4})\)\s*$")


def ml_100k(files: Mapping[str, Path]) -> dict[str, pa.Table]:
    """Ratings; films with title, release date and genres; users with age, gender, occupation and zip code."""
    genres = [line.split("|")[0] for line in files["u.genre"].read_text("latin-1").splitlines() if "|" in line]
    named = ("item_id", "title", "release_date", "video_release_date", "url", *genres)
    films = _table(files["u.item"].read_bytes(), named, "|", "latin-1")
    columns = [films[name].to_pylist() for name in genres]
    flags = zip(*columns, strict=True)
    films = films.select(["item_id", "title", "release_date"]).append_column(
        "genres",
        pa.array("|".join(name for name, flag in zip(genres, row, strict=True) if flag == "1") for row in flags),
    )
    return {
        "interactions": _ratings(files["u.data"].read_bytes()),
        "items": films,
        "users": _table(
            files["u.user"].read_bytes(), ("user_id", "age", "gender", "occupation", "zip_code"), "|", "latin-1"
        ),
    }


def ml_1m(files: Mapping[str, Path]) -> dict[str, pa.Table]:
    """Ratings; films with title, genres and year; users with gender, age, occupation and zip code."""
    users = _separated(files["users.dat"], ("user_id", "gender", "age", "occupation", "zip_code"), "latin-1")
    return {"interactions": _ratings(_tabs(files["ratings.dat"])), "items": _films(files, "latin-1"), "users": users}


def movietweetings(files: Mapping[str, Path]) -> dict[str, pa.Table]:
    """Ratings until November 2013; films with title, genres and year."""
    ratings = _ratings(_tabs(files["ratings.dat"]))
    ratings = ratings.filter(pc.less_equal(pc.cast(ratings["timestamp"], pa.int64()), LAST_TWEET))
    return {"interactions": ratings, "items": _films(files, "utf-8")}


def _films(files: Mapping[str, Path], encoding: str) -> pa.Table:
    films = _separated(files["movies.dat"], ("item_id", "title", "genres"), encoding)
    found = (YEAR.search(title or "") for title in films["title"].to_pylist())
    return films.append_column("year", pa.array([int(year[1]) if year else None for year in found], pa.int64()))


def _ratings(content: bytes) -> pa.Table:
    table = _table(content, RATINGS, "\t", "utf-8")
    return table.set_column(3, "timestamp", pc.cast(table["timestamp"], pa.int64()))


def _separated(path: Path, names: Sequence[str], encoding: str) -> pa.Table:
    return _table(_tabs(path), names, "\t", encoding)


def _tabs(path: Path) -> bytes:
    """Fields separated by `::` separated by tabs instead, which a reader of CSV understands."""
    return path.read_bytes().replace(b"::", b"\t")


def _table(content: bytes, names: Sequence[str], delimiter: str, encoding: str) -> pa.Table:
    return pc_csv.read_csv(
        pa.BufferReader(content),
        pc_csv.ReadOptions(column_names=list(names), encoding=encoding),
        pc_csv.ParseOptions(delimiter=delimiter, quote_char=False),
        pc_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True),
    )
