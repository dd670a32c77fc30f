"""Whether to colour what is written."""

import os
from typing import TextIO


def coloured(stream: TextIO) -> bool:
    """On a terminal, unless the user wants none: https://no-color.org."""
    return stream.isatty() and not os.environ.get("NO_COLOR")
