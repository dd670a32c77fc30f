"""Reads the sales file (Online Retail, UCI 352) and cleans it, counting what it leaves out."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from benchmarks.data.sales import ENCODING
from infra.demo.download import REMEDY, is_published
from infra.demo.errors import DataError
from infra.demo.sales import Checkout, Product, Sales

HEADER = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
PRODUCT = re.compile(r"\d{5}[A-Za-z]*")
WORD = re.compile(r"[a-z]{2,}")


def read_sales(path: Path) -> Sales:
    """Read and clean a file of the Online Retail form.

    Raises:
        DataError: the file cannot be read, is truncated or is not of that form; says in which line and what to do.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}. {REMEDY}") from error
    left_out: Counter[str] = Counter()
    invoices = _Invoices()
    lines = _lines(_text(content, path))
    number = 1
    try:
        for number, line in lines:  # noqa: B007 - named when what follows cannot be read
            reason = _unfit(line)
            if reason:
                left_out[reason] += 1
            else:
                invoices.add(line)
    except (ValueError, csv.Error) as error:
        raise DataError(f"{path}, near line {number}: {error}. {REMEDY}") from error
    checkouts, products = invoices.in_order()
    if not products:
        raise DataError(f"{path}: holds no sale of a product to a known customer. {REMEDY}")
    return Sales(checkouts, products, dict(left_out), is_published(content))


def words_of(title: str) -> tuple[str, ...]:
    """The words of a description, each once, in their order.

    >>> words_of("SET OF 3 HEART T-LIGHTS, SET")
    ('set', 'of', 'heart', 'lights')
    """
    return tuple(dict.fromkeys(WORD.findall(title.lower())))


def _text(content: bytes, path: Path) -> str:
    """The package carries CP1252, the official address UTF-8."""
    if not content.endswith(b"\n"):
        raise DataError(f"{path}: ends in the middle of a line: the download was cut short. {REMEDY}")
    for encoding in ("utf-8-sig", ENCODING):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise DataError(f"{path}: is neither UTF-8 nor CP1252 text. {REMEDY}")


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    if next(reader, []) != HEADER:
        raise ValueError(f"the first line must be {','.join(HEADER)}")
    for line in reader:
        if len(line) != len(HEADER):
            raise ValueError(f"{len(line)} columns instead of {len(HEADER)}")
        yield reader.line_num, line


def _unfit(line: Sequence[str]) -> str | None:
    """Why a line is no sale of a product to a known customer, or None."""
    if line[0].startswith("C"):
        return "cancellation"
    if not line[6]:
        return "no customer"
    if int(line[3]) <= 0:
        return "no quantity"
    return None if PRODUCT.fullmatch(line[1]) else "no product"


class _Article(NamedTuple):
    title: str
    price: float


class _Invoices:
    """Gathers lines into checkouts, whose items are stock codes until all are known."""

    def __init__(self) -> None:
        self._articles: dict[str, _Article] = {}
        self._times: dict[str, int] = {}
        self._lines: dict[tuple[str, str, str, str], list[str]] = {}

    def add(self, line: Sequence[str]) -> None:
        invoice, code, description, _, date, price, user_id, country = line
        self._lines.setdefault((invoice, user_id, date, country), []).append(code)
        if code not in self._articles:
            self._articles[code] = _Article(" ".join(description.split()) or code, float(price))
        if date not in self._times:
            moment = datetime.strptime(date, "%m/%d/%Y %H:%M").replace(tzinfo=UTC)
            self._times[date] = int(moment.timestamp()) * 1000

    def in_order(self) -> tuple[tuple[Checkout, ...], tuple[Product, ...]]:
        """By time, ties as in the file; products numbered by their first sale."""
        numbers: dict[str, int] = {}
        checkouts: list[Checkout] = []
        products: list[Product] = []
        for (_, user_id, date, country), codes in sorted(self._lines.items(), key=lambda one: self._times[one[0][2]]):
            for code in codes:
                if code not in numbers:
                    numbers[code] = len(numbers)
                    title, price = self._articles[code]
                    products.append(Product(code, title, words_of(title), price, len(checkouts)))
            checkouts.append(Checkout(user_id, country, self._times[date], tuple(numbers[code] for code in codes)))
        return tuple(checkouts), tuple(products)
