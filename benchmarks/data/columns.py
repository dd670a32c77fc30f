"""Which column is the user, the item, the time: by names in use elsewhere, never by content."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

from benchmarks.data.errors import InputError

USER = ("user_id", "user", "uid", "customer_id", "customer", "client_id", "visitor_id", "member_id", "account_id",
        "reviewer_id", "profile_id", "person_id", "player_id", "buyer_id", "viewer_id", "session_id",
        "session")  # fmt: skip
ITEM = ("item_id", "item", "iid", "movie_id", "movie", "product_id", "product", "video_id", "video", "article_id",
        "news_id", "track_id", "song_id", "book_id", "isbn", "content_id", "document_id", "doc_id", "post_id", "ad_id",
        "game_id", "app_id", "recipe_id", "listing_id", "photo_id", "story_id", "show_id", "course_id", "business_id",
        "venue_id", "location_id", "poi_id", "artist_id", "stock_code", "sku", "asin", "parent_asin")  # fmt: skip
TIME = ("timestamp", "time", "ts", "event_time", "event_timestamp", "unix_timestamp", "unix_time", "unix_review_time",
        "datetime", "date_time", "time_ms", "timestamp_ms", "event_date", "invoice_date", "order_date", "utc_time",
        "played_at", "viewed_at", "clicked_at", "purchased_at", "purchase_date", "rated_at", "review_date",
        "start_time", "t_dat", "created_at", "date", "day", "t")  # fmt: skip
VALUE = re.compile(r"[\d.:+TZ\s-]*\d[\d.:+TZ\s-]*")  # a number or a time, as no column is called
SURELY_VALUES = 2
NAMELESS = re.compile(r"|Unnamed: \d+|__index_level_\d+__")  # row numbers that another program left in the file


def plain(name: str) -> str:
    """A column's name without case and punctuation: `userId` and `USER_ID` are one.

    >>> plain("User-ID")
    'userid'
    """
    return re.sub(r"[\W_]+", "", name).lower()


def find(names: Sequence[str], aliases: Iterable[str]) -> str | None:
    """The column that has the first of these names, if any has one."""
    return next(iter(find_all(names, aliases)), None)


def find_all(names: Sequence[str], aliases: Iterable[str]) -> list[str]:
    """The columns that have one of these names, in the order of the names."""
    found = {plain(name): name for name in reversed(names)}
    return [found[plain(alias)] for alias in aliases if plain(alias) in found]


def require(names: Sequence[str], aliases: Sequence[str], path: Path) -> str:
    """The column with one of these names.

    Raises:
        InputError: there is none; names the columns, and the one that looks most like it.
    """
    found = find(names, aliases)
    if found is not None:
        return found
    if sum(bool(VALUE.fullmatch(name)) for name in names) >= SURELY_VALUES:
        raise InputError(
            f"{path}: its first line holds values, not names. Put a line like {USER[0]},{ITEM[0]},{TIME[0]} first"
        )
    near = nearest(names, aliases)
    guess = f" Is it {near!r}? Rename it." if near else f" Rename the column that holds it to {aliases[0]}."
    raise InputError(
        f"{path}: no column {aliases[0]} (also known as {', '.join(aliases[1:8])}, ...). "
        f"Its columns are {', '.join(map(repr, names))}.{guess}"
    )


def nearest(names: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The name that looks most like one of those wanted, if any is near."""
    found = {plain(name): name for name in names}
    for name in wanted:
        near = get_close_matches(plain(name), found, n=1, cutoff=0.7)
        if near:
            return found[near[0]]
    return None
