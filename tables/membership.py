"""Who a worker is to its consumer group: the same member as before when it is started again in the same folder."""

import fcntl
import os
import uuid
import weakref
from pathlib import Path

from tables.folder import unusable

FILE = "member"


class Membership:
    """Holds a folder's name in consumer groups for as long as it lives: Kafka's static membership (KIP-345).

    A member without a name that is killed is missed after its session only, and until then nobody has its partitions.
    One that comes back with its name gets them at once, and the others go on meanwhile.

    Attributes:
        name: `group.instance.id`; None where another process of this folder has it, such as a trainer at work while
            this one stands by. Two members of one name would throw each other out for ever.
    """

    def __init__(self, folder: Path) -> None:
        """Take the name, unless somebody has it. Raises FolderError."""
        path = folder / FILE
        try:
            own = _open(path)
        except OSError as error:
            raise unusable(path, "written", error) from error
        self.name = _taken(own)
        weakref.finalize(self, os.close, own)


def _open(path: Path) -> int:
    """The file, created with a name in it: whole or not at all, and by one of those who try at the same time."""
    if not path.exists():
        own = path.with_name(f"{FILE}-{os.getpid()}")
        own.write_text(uuid.uuid4().hex)
        try:
            os.link(own, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            own.replace(path)
        finally:
            own.unlink(missing_ok=True)
    return os.open(path, os.O_RDONLY)


def _taken(file: int) -> str | None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    # With the number of the file itself: a copy of the folder is another member.
    return f"{os.pread(file, 64, 0).decode()}-{os.fstat(file).st_ino}"
