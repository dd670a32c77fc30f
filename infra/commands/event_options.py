"""What commands that read files of events are told of them."""

from pathlib import Path
from typing import Annotated

import typer

EventsFile = Annotated[
    Path, typer.Argument(help="Events: CSV, Parquet, or JSON lines as on the wire (.ndjson, .jsonl).")
]
ItemsFile = Annotated[Path | None, typer.Option(help="CSV or Parquet of item features.")]
UsersFile = Annotated[Path | None, typer.Option(help="CSV or Parquet of user features.")]
Tasks = Annotated[
    list[str] | None,
    typer.Option(help="Label column, or a condition such as 'rating>=4'; again for more. Default: guessed."),
]
