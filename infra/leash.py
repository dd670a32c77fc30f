"""Runs a command that dies when its parent does: `python leash.py PARENT_PID COMMAND…`.

A program of its own, so that nothing runs between fork and exec in a parent with threads. Only the standard library.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel for SIGKILL at the parent's death, then become the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    # Kept across exec. SIGKILL: a process whose supervisor is gone must not linger in an orderly shutdown.
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.exit(f"prctl failed: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        sys.exit("the parent died before its child began")
    os.execvp(command[0], command)  # noqa: S606 - that is the purpose


if __name__ == "__main__":
    main()
