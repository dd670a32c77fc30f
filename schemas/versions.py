"""From records of `parameters` to whole versions of the model: what a replica may apply, and when."""

from collections.abc import Iterable
from typing import NamedTuple

from streamvq_client.errors import FormatError

from pipeline.changes import Changes
from pipeline.config import ModelConfig
from schemas.parameters import COMMIT_KEY, CONFIG_KEY, ChangesBuilder, Commit, config_hash, decode_commit, decode_config


class Version(NamedTuple):
    """What changed since the last version handed out, the commit that closes it, and the configuration in force."""

    changes: Changes
    commit: Commit
    config: ModelConfig


class Versions:
    """Assembles versions, and never hands out a part of one.

    A compacted topic holds a mixture of versions before its end: keys that changed since are gone. So a reader that
    starts, or that fell behind what compaction leaves alone, must read up to an end that it has seen; `complete` says
    that it has. From there on every commit closes a whole version. Commits that arrive together are handed out as one.

    Holds one entry a key until a version is handed out.
    """

    def __init__(self) -> None:
        self._builder = ChangesBuilder()
        self._tail: list[tuple[bytes, bytes | None]] = []
        self._tail_config: bytes | None = None
        self._config: ModelConfig | None = None
        self._config_hash = "none"
        self._commit: Commit | None = None

    def feed(self, records: Iterable[tuple[bytes | None, bytes | None]], *, complete: bool) -> Version | None:
        """Take (key, value) records in the order of the topic.

        Args:
            records: the next ones; None as a value removes a key.
            complete: whether everything up to the end seen at the start has been fed, these records included.

        Returns:
            What can be applied now, None if no version was closed.

        Raises:
            FormatError: the records are not a trainer's, or a newer streamvq wrote them.
        """
        for key, value in records:
            if key == COMMIT_KEY:
                self._close(_present(value, "commit"))
            elif key == CONFIG_KEY:
                self._tail_config = _present(value, "config")
            elif key is not None:
                self._tail.append((key, value))
        if not complete or self._commit is None:
            return None
        commit, self._commit = self._commit, None
        return Version(self._builder.take(), commit, self._configured(commit))

    def _close(self, value: bytes) -> None:
        self._commit = decode_commit(value)
        for record in self._tail:
            self._builder.add(*record)
        self._tail.clear()
        if self._tail_config is not None:
            self._config, self._config_hash = decode_config(self._tail_config), config_hash(self._tail_config)
            self._tail_config = None

    def _configured(self, commit: Commit) -> ModelConfig:
        if self._config is None or self._config_hash != commit.config_hash:
            raise FormatError(
                f"version {commit.version} was written with configuration {commit.config_hash}, the topic holds "
                f"{self._config_hash}: it was written by something else than one trainer"
            )
        return self._config


def _present(value: bytes | None, key: str) -> bytes:
    if value is None:
        raise FormatError(f"the record {key} was deleted: the topic cannot be read any more")
    return value
