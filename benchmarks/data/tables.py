"""Files of rows, read in batches: CSV in any of its dialects, gzipped or not, and Parquet."""

import codecs
import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from benchmarks.data.columns import NAMELESS
from benchmarks.data.errors import InputError

TEXT = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
PARQUET = (".parquet", ".pq")
DELIMITERS = (",", "\t", ";", "|")
MISSING = ["", "NaN", "nan", "NULL", "null", "None", "N/A", "n/a", "NA", "<NA>", "NaT", "\\N"]
BLOCK = 1 << 22  # bytes of text a batch; up to 32 are read ahead
ROWS = 1 << 18  # rows of Parquet a batch
CHUNK = 1 << 20
OFFSET = 4  # bytes that a cell of text takes beside its own


@dataclass(frozen=True, slots=True)
class Rows:
    """A file of rows. All columns of a text file are strings.

    Attributes:
        names: of its columns, without those that only number the rows.
        total: rows, where the file says so before it is read.
        delimiter, encoding: of a text file; empty for Parquet.
    """

    path: Path
    names: tuple[str, ...]
    total: int | None = None
    delimiter: str = ""
    encoding: str = ""

    def batches(self) -> Iterator[tuple[float, pa.RecordBatch]]:
        """Share of the file read so far, and the next rows.

        Raises:
            InputError: the file cannot be read to its end.
        """
        with _explained(self.path):
            if self.delimiter:
                yield from self._text_batches()
                return
            done = 0
            with pq.ParquetFile(self.path) as file:
                for batch in file.iter_batches(batch_size=ROWS, columns=list(self.names)):
                    done += batch.num_rows
                    yield done / max(self.total or 0, 1), batch

    def _text_batches(self) -> Iterator[tuple[float, pa.RecordBatch]]:
        size = max(self.path.stat().st_size, 1)
        with self.path.open("rb") as raw, _unzipped(self.path, raw) as content:
            reader = pc_csv.open_csv(
                pa.PythonFile(content, "r"),
                pc_csv.ReadOptions(block_size=BLOCK, encoding=self.encoding),
                pc_csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
                pc_csv.ConvertOptions(
                    column_types=dict.fromkeys(self.names, pa.string()),
                    include_columns=list(self.names),
                    strings_can_be_null=True,
                    null_values=MISSING,
                ),
            )
            done = 0
            for batch in reader:
                cells = batch.num_rows * batch.num_columns
                done += batch.nbytes - (OFFSET - 1) * cells  # as in the file: each cell and what ends it
                yield raw.tell() / size if content is not raw else done / size, batch


def open_rows(path: Path) -> Rows:
    """Look at a file: its form and columns.

    Raises:
        InputError: it is missing, empty, of no known form, or two columns have one name.
    """
    name = path.name.lower()
    with _explained(path):
        if not path.exists():
            raise InputError(f"{path}: there is no such file")
        if path.is_dir():
            raise InputError(f"{path}: is a folder. Name the file of interactions in it")
        if name.endswith(PARQUET):
            with pq.ParquetFile(path) as file:
                return Rows(path, _names(file.schema_arrow.names, path), file.metadata.num_rows)
        if name.endswith(TEXT):
            return _open_text(path)
    known = ", ".join((*TEXT, *PARQUET))
    raise InputError(f"{path}: unknown kind of file. Convert it to CSV or Parquet; its name must end in {known}")


def _open_text(path: Path) -> Rows:
    encoding = _encoding(path)
    with path.open("rb") as raw, _unzipped(path, raw) as content:
        lines = io.TextIOWrapper(content, "utf-8-sig" if encoding == "utf-8" else encoding, newline="")
        header = next((line for line in lines if line.strip()), "")
        if not header:
            raise InputError(f"{path}: is empty. It must begin with a line of column names")
        delimiter = max(DELIMITERS, key=header.count)
        names = next(csv.reader([header], delimiter=delimiter))
    return Rows(path, _names(names, path), None, delimiter, encoding)


def _names(names: Sequence[str], path: Path) -> tuple[str, ...]:
    twice = sorted({name for name in names if names.count(name) > 1 and name})
    if twice:
        raise InputError(f"{path}: two columns are named {twice[0]!r}. Rename one")
    return tuple(name for name in names if not NAMELESS.fullmatch(name))


def _encoding(path: Path) -> str:
    """UTF-8 if all of the file is, else the superset of Latin-1 that shops' programs write."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as raw, _unzipped(path, raw) as content:
        while chunk := content.read(CHUNK):
            if b"\0" in chunk:
                raise InputError(f"{path}: is not text (it holds zero bytes). Save it as CSV in UTF-8, or as Parquet")
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                return "cp1252"
    return "utf-8"


def _unzipped(path: Path, raw: IO[bytes]) -> Any:
    return gzip.GzipFile(fileobj=raw) if path.name.lower().endswith(".gz") else raw


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Errors of reading, as one that names the file and says what to do."""
    try:
        yield
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise InputError(f"{path}: cannot be read: {reason}. Is it complete, and what its name says?") from error
    except (OSError, EOFError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path}: cannot be read: {reason}. Is it complete, and readable for you?") from error
