"""What can end the demonstration, as a branch of `schemas.errors`; the message says what to do about it.

StreamVQError
└── ResourceError
    └── DataError        the sales file cannot be had or is not what it should be
"""

from schemas.errors import ResourceError


class DataError(ResourceError):
    """The sales file cannot be downloaded or read. Download it by hand and pass it with --csv."""
