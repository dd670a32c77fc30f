"""What can be wrong with data, as branches of `schemas.errors`; every message says what to do about it.

StreamVQError
├── SettingsError
│   └── InputError       a file cannot be read as interactions: the message says where and what to change
└── ResourceError
    └── DownloadError    a public set cannot be had: the message says how to get it by hand
"""

from schemas.errors import ResourceError, SettingsError


class InputError(SettingsError):
    """A file is not what it must be. Change the file, or name another."""


class DownloadError(ResourceError):
    """A public set cannot be downloaded or verified. Try again, or name a local copy with --from."""
