"""Online Retail: purchases of products by known customers."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv

from benchmarks.data import sales

TEXT = ("InvoiceNo", "StockCode", "Description", "InvoiceDate", "CustomerID", "Country")
NAMES = {"CustomerID": "user_id", "StockCode": "item_id", "InvoiceDate": "timestamp", "InvoiceNo": "invoice",
         "Quantity": "quantity"}  # fmt: skip


def online_retail(files: Mapping[str, Path]) -> dict[str, pa.Table]:
    """Purchases with a customer: no cancellations, returns, nor stock codes such as POST that are no product.

    A product has the description and price of its first sale; codes that differ in case are one.
    """
    table = pc_csv.read_csv(
        pa.BufferReader(sales.in_package_form(files[sales.FILE].read_bytes())),
        pc_csv.ReadOptions(encoding=sales.ENCODING),
        pc_csv.ParseOptions(newlines_in_values=True),
        pc_csv.ConvertOptions(column_types=dict.fromkeys(TEXT, pa.string()), strings_can_be_null=True),
    )
    sold = pc.and_(pc.is_valid(table["CustomerID"]), pc.greater(table["Quantity"], 0))
    product = pc.match_substring_regex(table["StockCode"], r"^\d{5}[A-Za-z]*$")
    returned = pc.starts_with(table["InvoiceNo"], "C")
    table = table.filter(pc.and_(pc.and_(sold, product), pc.invert(returned)))
    table = table.set_column(1, "StockCode", pc.utf8_upper(table["StockCode"]))
    time = pc.strptime(table["InvoiceDate"], "%m/%d/%Y %H:%M", "s").cast(pa.int64())
    table = table.set_column(table.column_names.index("InvoiceDate"), "InvoiceDate", time)
    first = table.sort_by("InvoiceDate").group_by("StockCode", use_threads=False)
    items = first.aggregate([("Description", "first"), ("UnitPrice", "first")])
    users = table.group_by("CustomerID", use_threads=False).aggregate([("Country", "first")])
    return {
        "interactions": table.select(list(NAMES)).rename_columns(NAMES),
        "items": items.rename_columns(
            {"StockCode": "item_id", "Description_first": "title", "UnitPrice_first": "price"}
        ),
        "users": users.rename_columns({"CustomerID": "user_id", "Country_first": "country"}),
    }
