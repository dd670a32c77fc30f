"""What a broker's folder says about it: is it running, where, and how to stop it from another process.

The broker itself holds a lock on a file of the folder, so the kernel knows whether it runs, whatever became of its
starter; the process id beside it is believed only when that process is this broker.
"""

import fcntl
import json
import signal
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import psutil

from schemas.errors import ResourceError

LOCK_DEADLINE_S = 1.0


@dataclass(frozen=True, slots=True)
class BrokerStatus:
    """Where the broker of a folder is; `pid` and `bootstrap` are those of the last run when it is not running."""

    running: bool
    folder: str
    version: str = ""
    pid: int = 0
    port: int = 0
    controller_port: int = 0

    @property
    def bootstrap(self) -> str:
        """Its address for clients."""
        return f"127.0.0.1:{self.port}"


def properties_path(folder: Path) -> Path:
    """The properties it runs with; also what tells its process from others."""
    return folder / "server.properties"


def take_lock(folder: Path) -> IO[str]:
    """Lock the folder for the broker about to start, which inherits the open file; ResourceError when one runs."""
    file = (folder / "broker.lock").open("a+")
    end = time.monotonic() + LOCK_DEADLINE_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                break
            time.sleep(0.05)  # whoever reads the status holds the lock for a moment
        else:
            return file
    file.close()
    status = read_status(folder)
    raise ResourceError(
        f"a broker already runs on {folder} (pid {status.pid}, {status.bootstrap}). "
        "Use it, stop it with `svq broker stop`, or choose another folder (SVQ_BROKER__FOLDER)"
    )


def write_status(status: BrokerStatus) -> None:
    """Note what was started."""
    (Path(status.folder) / "broker.json").write_text(json.dumps(asdict(status)), encoding="utf-8")


def read_status(folder: Path) -> BrokerStatus:
    """The broker of this folder as it is now."""
    try:
        noted = BrokerStatus(**json.loads((folder / "broker.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        noted = BrokerStatus(running=False, folder=str(folder))
    return BrokerStatus(**asdict(noted) | {"running": _locked(folder), "folder": str(folder)})


def stop_broker(folder: Path, grace: float = 20.0) -> bool:
    """Stop the broker of this folder, whoever started it; False when none runs."""
    status = read_status(folder)
    if not status.running:
        return False
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(status.pid)
        if str(properties_path(folder)) not in process.cmdline():
            raise ResourceError(
                f"{folder}/broker.lock is held, but process {status.pid} is not its broker. "
                f"Find the holder with `fuser {folder}/broker.lock` and end it"
            )
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(grace)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(grace)
    return True


def _locked(folder: Path) -> bool:
    try:
        with (folder / "broker.lock").open("r") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except (FileNotFoundError, NotADirectoryError):
        return False
    return False
