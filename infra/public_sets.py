"""Public sets for the commands: got where they are missing, with what is said about it on standard error."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from infra.extra import evaluation_extra

if TYPE_CHECKING:
    from benchmarks.interactions import Interactions

SALES = "online-retail"


def obtain(name: str, source: Path | None = None) -> Path:
    """The folder with the tables of a public set. The shop's sales are in a package, too, as `svq demo` knows.

    Raises:
        DownloadError, InputError: it cannot be had.
    """
    with evaluation_extra():
        from benchmarks.data import public_sets
    from benchmarks.data.errors import DownloadError
    from benchmarks.data.sales import cache_folder

    try:
        return public_sets.get(name, source, say=say)
    except DownloadError as error:
        if name != SALES or source is not None:
            raise
        from infra.demo.download import sales_file
        from infra.demo.errors import DataError

        say(f"{error}")
        try:
            return public_sets.get(name, sales_file(cache_folder(), say), say=say)
        except DataError:
            raise error from None


def read_named(name: str, tasks: Sequence[str] | None = None) -> "Interactions":
    """A public set by its name, or the folder of one of your own: interactions, items and users, CSV or Parquet.

    Raises:
        DownloadError, InputError: it cannot be had or read.
    """
    with evaluation_extra():
        from benchmarks.data.reading import read_folder
    if Path(name).is_dir():
        return read_folder(name, tasks=tasks)
    return read_folder(obtain(name), tasks=tasks, name=name)


def say(text: str) -> None:
    """On standard error: standard output is for results."""
    import typer

    typer.echo(text, err=True)
