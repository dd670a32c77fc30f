"""What can end the demonstration, as one tree; every message says what to do about it.

DemoError
├── DataError        the sales file cannot be had or is not what it should be
└── StalledError     the stack stopped making progress
"""


class DemoError(Exception):
    """The demonstration cannot go on."""


class DataError(DemoError):
    """The sales file cannot be downloaded or read. Download it by hand and pass it with --csv."""


class StalledError(DemoError):
    """Something that should have happened did not within its deadline. The logs of the workers say why."""
