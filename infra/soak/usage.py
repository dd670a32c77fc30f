"""What the processes of a stack use, sampled from outside."""

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import psutil

MIB = 1 << 20
DATA = {".sst", ".log", ".index", ".timeindex", ".txnindex", ".snapshot"}


class Usage(NamedTuple):
    """One process at one moment.

    `rss` is all that is resident, `uss` what would be free if it ended, both MiB; `files` are descriptors, of files and
    sockets, but for those of data: how many there are of these is for compaction in RocksDB and Kafka to say.
    """

    at: float
    pid: int
    rss: float
    uss: float
    files: int
    threads: int


Series = dict[str, list[Usage]]


def usage(pid: int, at: float) -> Usage | None:
    """What this process uses now; None if it is gone."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            memory = process.memory_full_info()
            return Usage(at, pid, memory.rss / MIB, memory.uss / MIB, _files(process), process.num_threads())
    except psutil.Error:
        return None


def _files(process: psutil.Process) -> int:
    data = sum(Path(file.path).suffix in DATA for file in process.open_files())
    return process.num_fds() - data


async def sample(pids: Callable[[], Mapping[str, int | None]], series: Series, file: Path, every_s: float) -> None:
    """Append to each role's series, and to the file as a line of JSON each, until cancelled; times are the loop's."""
    loop = asyncio.get_running_loop()
    with file.open("a", encoding="utf-8") as lines:
        while True:
            for role, pid in pids().items():
                if pid and (found := await asyncio.to_thread(usage, pid, loop.time())):
                    series.setdefault(role, []).append(found)
                    lines.write(json.dumps({"role": role} | found._asdict()) + "\n")
            lines.flush()
            await asyncio.sleep(every_s)
