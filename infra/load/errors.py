"""What can end a load, as a branch of `schemas.errors`; the message says what to do about it.

StreamVQError
└── InvariantError
    └── StalledError     something that should have happened did not within its deadline
"""

from schemas.errors import InvariantError


class StalledError(InvariantError):
    """The stack stopped making progress. The logs of the workers say why."""
