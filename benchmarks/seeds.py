"""One replay a seed, in this process or in several."""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any

import torch

from benchmarks.interactions import Interactions
from benchmarks.one_run import Numbers, run_once
from benchmarks.plan import Plan
from benchmarks.timeline import Timeline
from pipeline.config import ModelConfig
from schemas.errors import ResourceError

SeedWatch = Callable[[int, int], None]  # seed, exposures of a micro-batch
EVERY = 8  # micro-batches a child keeps its progress to itself


def run_seeds(
    set_: Interactions, config: ModelConfig, plan: Plan, timeline: Timeline, watch: SeedWatch | None
) -> list[Numbers]:
    """Results in the order of the seeds.

    Raises:
        ResourceError: a process was killed, which is mostly for want of memory.
    """
    torch.set_num_threads(plan.threads)
    if plan.jobs > 1 and len(plan.seeds) > 1:
        return _Processes(set_, config, plan, watch).run()
    return [
        run_once(
            set_, config, seed, **_how(plan), timeline=timeline,
            watch=None if watch is None else lambda events, seed=seed: watch(seed, events),  # type: ignore[misc]
        )
        for seed in plan.seeds
    ]  # fmt: skip


def _how(plan: Plan) -> dict[str, Any]:
    """What the plan says to each replay alike."""
    return {name: getattr(plan, name) for name in ("arms", "sample", "deadline_s", "eligible", "candidates")}


class _Processes:
    """A process a seed, at most `jobs` at a time; all end with this one."""

    def __init__(self, set_: Interactions, config: ModelConfig, plan: Plan, watch: SeedWatch | None) -> None:
        self._set, self._config, self._plan, self._watch = set_, config, plan, watch
        self._context = multiprocessing.get_context("spawn")  # a forked child would inherit torch's threads half-dead
        self._waiting = deque(plan.seeds)
        self._running: dict[Any, tuple[int, Any]] = {}
        self._results: dict[int, Numbers] = {}

    def run(self) -> list[Numbers]:
        try:
            while self._waiting or self._running:
                while self._waiting and len(self._running) < self._plan.jobs:
                    self._start(self._waiting.popleft())
                for connection in wait(list(self._running)):
                    self._hear(connection)
        finally:
            for _, process in self._running.values():
                process.terminate()
                process.join()
        return [self._results[seed] for seed in self._plan.seeds]

    def _start(self, seed: int) -> None:
        mine, its = self._context.Pipe(duplex=False)
        arguments = (its, self._set, self._config, self._plan, seed)
        process = self._context.Process(target=_replay, args=arguments, daemon=True)
        # A terminal interrupts children as well, and one that still imports would print a traceback. A blocked signal
        # stays blocked in the child; here it comes as soon as the child is known, so that it is ended, too.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            process.start()
            its.close()
            self._running[mine] = seed, process
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    def _hear(self, connection: Any) -> None:
        seed, process = self._running[connection]
        try:
            told = connection.recv()
        except EOFError:
            process.join()
            raise ResourceError(
                f"the process of seed {seed} ended with code {process.exitcode}, mostly for want of memory\n"
                "Run fewer at a time: --jobs 1."
            ) from None
        if isinstance(told, int):
            if self._watch is not None:
                self._watch(seed, told)
            return
        del self._running[connection]
        process.join()
        if isinstance(told, Exception):
            raise told
        self._results[seed] = told


def _replay(connection: "Connection[Any, Any]", set_: Interactions, config: ModelConfig, plan: Plan, seed: int) -> None:
    """What a child does: send counts of exposures, then the result or what went wrong."""
    torch.set_num_threads(plan.threads)
    told: list[int] = []

    def watch(events: int) -> None:
        told.append(events)
        if len(told) == EVERY:
            connection.send(sum(told))
            told.clear()

    try:
        result: Numbers | Exception = run_once(set_, config, seed, **_how(plan), watch=watch)
    except Exception as error:  # noqa: BLE001 - handed to the parent, which raises it
        result = error
    connection.send(sum(told))
    connection.send(result)
