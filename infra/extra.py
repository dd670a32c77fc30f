"""What only some commands need and only `streamvq[evaluate]` installs."""

from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import SettingsError

MODULES = {"faiss", "matplotlib", "pooch", "pyarrow"}


@contextmanager
def evaluation_extra() -> Iterator[None]:
    """Around imports that need the extra.

    Raises:
        SettingsError: it is not installed; says how to install it.
    """
    try:
        yield
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in MODULES:
            raise
        raise SettingsError(
            f"{missing.name} is not installed. Install what it needs: pip install 'streamvq[evaluate]'"
        ) from missing
