"""Downloads a file into a folder: whole and verified, or not at all."""

import os
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from time import monotonic
from typing import Any

import pooch

from benchmarks.data.errors import DownloadError
from benchmarks.data.progress import Reading
from benchmarks.data.registry import RemoteFile

MIRROR = "SVQ_DATA_MIRROR"  # address of a folder that has the files under their names
SILENCE_S = 30.0
DEADLINE_S = 1800.0
PIECE = 1 << 16
LARGEST = 1 << 30


def fetch(
    file: RemoteFile, folder: Path, remedy: str, *, silence_s: float = SILENCE_S, deadline_s: float = DEADLINE_S
) -> Path:
    """The file in the folder, from its official address unless it is there already.

    Args:
        remedy: what the user can do if it cannot be had.
        silence_s: longest wait for the next bytes.
        deadline_s: longest time for all.

    Raises:
        DownloadError: it cannot be had within the deadline, or is not what was published.
    """
    address = _address(file)
    target = folder / file.name

    def download(url: str, output: str, _: Any) -> None:
        Path(output).write_bytes(file.canonical(_content(url, file.name, silence_s, deadline_s)))

    pooch.get_logger().setLevel("ERROR")  # it would print what we print
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pooch.retrieve(address, file.checksum, fname=file.name, path=folder, downloader=download)
    except urllib.error.HTTPError as error:
        raise DownloadError(f"{address}: the server answers {error.code} {error.reason}. {remedy}") from error
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        raise DownloadError(f"{address}: cannot be downloaded: {reason}. Try again. {remedy}") from error
    except ValueError as error:
        if "hash" not in str(error):
            raise
        raise DownloadError(
            f"{address}: what came is not the published file: its checksum is not {file.checksum}. Nothing was kept. "
            f"Try again; if that does not help, upstream has changed it. {remedy}"
        ) from error
    return target


def _address(file: RemoteFile) -> str:
    mirror = os.environ.get(MIRROR)
    address = f"{mirror.rstrip('/')}/{file.name}" if mirror else file.address
    if not address.startswith(("https://", "http://")):
        raise DownloadError(f"{address} is no address of the web. Change {MIRROR}")
    return address


def _content(address: str, name: str, silence_s: float, deadline_s: float) -> bytes:
    """All bytes of an answer.

    Raises:
        OSError: too slow, cut, or too large.
    """
    began = monotonic()
    content = bytearray()
    with urllib.request.urlopen(address, timeout=silence_s) as answer, Reading(f"Downloading {name}") as reading:  # noqa: S310 - checked by the caller
        expected = int(answer.headers.get("Content-Length") or 0)
        while piece := answer.read1(PIECE):
            content += piece
            if monotonic() - began > deadline_s:
                raise TimeoutError(f"only {len(content):,} bytes came within {deadline_s:g} s")
            if len(content) > LARGEST:
                raise OSError(f"it is larger than {LARGEST:,} bytes")
            reading.show(len(content) / expected if expected else 0.0)
    if len(content) < expected:
        raise ConnectionError(f"the connection was cut after {len(content):,} of {expected:,} bytes")
    return bytes(content)
