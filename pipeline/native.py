"""Compilation of the few loops that numpy cannot express."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def native(function: Function) -> Function:
    """Compile at first call, keep the machine code on disk and run without the interpreter lock; same signature."""
    return _compiled(function, set())


def native_sums(function: Function) -> Function:
    """The same for sums of products: terms may be added in any order, as vector instructions do."""
    return _compiled(function, {"reassoc", "contract"})


def native_least(function: Function) -> Function:
    """The same for the least of numbers none of which is NaN: vector instructions compare many at a time."""
    return _compiled(function, {"nnan", "nsz", "contract"})


def _compiled(function: Function, fastmath: set[str]) -> Function:
    try:
        return cast("Function", numba.njit(cache=True, nogil=True, fastmath=fastmath)(function))
    except RuntimeError:  # no folder to keep it in: a read-only image compiles at every start
        return cast("Function", numba.njit(nogil=True, fastmath=fastmath)(function))
