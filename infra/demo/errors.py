"""What can end the demonstration, as a branch of `schemas.errors`; every message says what to do about it.

StreamVQError
├── ResourceError
│   └── DataError        the sales file cannot be had or is not what it should be
└── InvariantError
    └── StalledError     something that should have happened did not within its deadline
"""

from schemas.errors import InvariantError, ResourceError


class DataError(ResourceError):
    """The sales file cannot be downloaded or read. Download it by hand and pass it with --csv."""


class StalledError(InvariantError):
    """The stack stopped making progress. The logs of the workers say why."""
