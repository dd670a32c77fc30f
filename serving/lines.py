"""A body of lines, cut as it comes in."""

from schemas.limits import LIMITS


class Lines:
    r"""Lines of bytes that come in pieces; empty ones are left out, what is longer than an event may be is cut.

    >>> lines = Lines()
    >>> lines.feed(b'{"a":1}\r\n\n{"b"'), lines.feed(b':2}\n{'), lines.end()
    ([b'{"a":1}'], [b'{"b":2}'], [b'{'])
    """

    def __init__(self, most: int = LIMITS.value_bytes + 1) -> None:
        self._most = most
        self._rest = b""

    def feed(self, piece: bytes) -> list[bytes]:
        """Lines that this piece completes."""
        *whole, rest = piece.split(b"\n")
        if not whole:
            self._rest = self._joined(rest)
            return []
        whole[0] = self._joined(whole[0])
        self._rest = rest[: self._most]
        return [line[: self._most] for line in map(self._tidied, whole) if line]

    def end(self) -> list[bytes]:
        """The last line, if it has no end."""
        return self.feed(b"\n")

    def _tidied(self, line: bytes) -> bytes:
        return line.strip() if len(line) < self._most else line  # what was cut must not look like what was not

    def _joined(self, piece: bytes) -> bytes:
        return self._rest + piece[: max(self._most - len(self._rest), 0)]
