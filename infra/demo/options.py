"""What a user of `svq demo` may choose."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """Choices, all with a default that works.

    Attributes:
        events: purchases to replay at most; None for all.
        rate: purchases a second; None for as fast as the trainer keeps up.
        leave: end after the replay instead of going on to serve.
        as_json: print one JSON object on standard output and nothing else there.
        seed: of the sample and of the customers shown.
        indexers: how many.
        port: of the HTTP API; None for the usual one, or any free one if that is taken.
        csv: a local copy of the sales file.
        data_folder: where broker and workers keep their data, left behind afterwards; None for a temporary one.
        kill: roles of which one process is killed during the replay.
    """

    events: int | None = None
    rate: float | None = None
    leave: bool = False
    as_json: bool = False
    seed: int = 0
    indexers: int = 1
    port: int | None = None
    csv: Path | None = None
    data_folder: Path | None = None
    kill: tuple[str, ...] = ()
