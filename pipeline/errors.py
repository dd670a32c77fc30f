"""Errors of the core.

PipelineError
├── ConfigError                the model configuration contradicts itself
│   └── UnknownSettingError    it has a setting that this program does not know
├── BatchError                 the arrays of one call do not fit together
└── RestoreError               stored parameters or state do not fit the configuration
"""


class PipelineError(Exception):
    """Root of all errors of the core. None is retriable: the same call fails again."""


class ConfigError(PipelineError, ValueError):
    """The configuration contradicts itself: correct the named setting and start again."""


class UnknownSettingError(ConfigError):
    """A setting does not exist: it is misspelt, or a newer program wrote it."""


class BatchError(PipelineError, ValueError):
    """The caller's arrays disagree in length, type or range: a bug in the caller, nothing was learned from the call."""


class RestoreError(PipelineError):
    """Stored rows or tensors do not fit the configuration: start with the configuration they were written with."""
