"""`--where` and the like: what is written on a command line as a filter of the API."""

import pytest

from infra.conditions import filter_of, pairs_of
from schemas.errors import SettingsError


@pytest.mark.parametrize(
    ("conditions", "wanted"),
    [
        ([], None),
        (["lang=de"], {"attribute": "lang", "eq": "de"}),
        (["lang=de", "lang=fr"], {"attribute": "lang", "in": ["de", "fr"]}),
        (["new=true"], {"attribute": "new", "eq": True}),
        (['size="3"'], {"attribute": "size", "eq": "3"}),
        (["title=a=b"], {"attribute": "title", "eq": "a=b"}),
        (["lang!=de"], {"not": {"attribute": "lang", "eq": "de"}}),
        (["price=3..4.5"], {"attribute": "price", "gte": 3, "lte": 4.5}),
        (["price>=3", "price<5"], {"and": [{"attribute": "price", "gte": 3}, {"attribute": "price", "lt": 5}]}),
        (["lang"], {"attribute": "lang", "exists": True}),
        (["!lang"], {"attribute": "lang", "exists": False}),
    ],
)
def test_conditions_become_one_filter(conditions: list[str], wanted: object) -> None:
    assert filter_of(conditions) == wanted


@pytest.mark.parametrize("condition", ["=de", "", "!", "price>cheap", "price<true"])
def test_what_says_nothing_is_refused_with_the_way_to_write_it(condition: str) -> None:
    with pytest.raises(SettingsError, match=r"write name=value|a bound is a number"):
        filter_of([condition])


def test_pairs_are_json_or_text() -> None:
    given = ["country=DE", "age=31", 'tags=["a","b"]', "note=a=b"]
    assert pairs_of("--feature", given) == {"country": "DE", "age": 31, "tags": ["a", "b"], "note": "a=b"}
    with pytest.raises(SettingsError, match="--feature name=value"):
        pairs_of("--feature", ["country"])
