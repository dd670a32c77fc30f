"""The API keys in force: those of the file as it is now."""

from pathlib import Path
from typing import Final

import structlog

from schemas.errors import SettingsError
from schemas.keys import ApiKey, decode_keys, id_of
from serving.files import mark

MOST_BYTES: Final = 1 << 20

log = structlog.get_logger(__name__)


class Keyring:
    """Keys by id.

    Args:
        path: the file, as `svq keys` writes it.

    Raises:
        SettingsError: it cannot be read, or holds something else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.expanduser()
        self._mark = mark(self._path)
        self._keys = self._read()

    def __len__(self) -> int:
        """How many there are, expired ones too."""
        return len(self._keys)

    def find(self, key: str) -> ApiKey | None:
        """What is known of a key; None of one that is unknown."""
        found = self._keys.get(id_of(key))
        return found if found is not None and found.fits(key) else None

    def refresh(self) -> None:
        """Read the file again if it has changed.

        A file that cannot be read, half written as it may be, changes nothing; one that is gone leaves no key in force.
        """
        now = mark(self._path)
        if now == self._mark:
            return
        self._mark = now
        if now is None:
            self._keys = {}
            log.error("keys_gone", path=str(self._path), effect="no key is valid until the file is there again")
            return
        try:
            self._keys = self._read()
        except SettingsError as error:
            log.error("keys_unreadable", error=str(error), effect="the keys read before stay in force")
        else:
            log.info("keys", path=str(self._path), count=len(self._keys))

    def _read(self) -> dict[str, ApiKey]:
        try:
            with self._path.open("rb") as file:
                content = file.read(MOST_BYTES + 1)
        except OSError as error:
            remedy = "`svq keys create NAME` makes one"
            raise SettingsError(f"security.keys: cannot read {self._path}: {error.strerror}; {remedy}") from error
        if len(content) > MOST_BYTES:
            raise SettingsError(f"security.keys: {self._path} has more than {MOST_BYTES} bytes: no file of keys")
        try:
            return {key.id: key for key in decode_keys(content)}
        except SettingsError as error:
            raise SettingsError(f"security.keys: {self._path} {error}") from error
