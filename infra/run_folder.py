"""Where a command keeps the data of its one run: a folder that the user names, or one that stays if it went wrong."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import ResourceError, SettingsError

Say = Callable[[str], None]


@contextmanager
def run_folder(named: Path | None, option: str, command: str, say: Say) -> Iterator[Path]:
    """The folder that `option` named, which stays, or a temporary one: it goes away unless what is inside failed.

    Raises:
        SettingsError: the named one holds something already, and a run starts from nothing.
        ResourceError: it cannot be used.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"svq-{command}-")) if named is None else _empty(named, option)
    keep = True
    try:
        yield folder
        keep = named is not None
    except KeyboardInterrupt:
        keep = named is not None
        raise
    finally:
        if keep and any(folder.iterdir()):
            say(f"Data and logs are left in {folder}")
        elif named is None:
            shutil.rmtree(folder, ignore_errors=True)


def _empty(folder: Path, option: str) -> Path:
    folder = folder.expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise SettingsError(f"{folder} is not empty: a run starts from nothing. Name another folder with {option}")
    except OSError as error:
        raise ResourceError(f"{folder}: {error.strerror}. Name another folder with {option}") from error
    return folder
