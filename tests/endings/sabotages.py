"""What goes wrong in a worker. Each function makes one thing fail or hang, for real, in the process that calls it."""

import asyncio
import itertools
import json
import signal
import threading
import time
from collections import deque
from typing import Any, NoReturn

NEVER = 3600.0
FILE_BYTES = 200_000
GO, GO_THREAD = asyncio.Event(), threading.Event()


def boom(*_: Any, **__: Any) -> NoReturn:
    raise ZeroDivisionError("boom")


async def boom_async(*_: Any, **__: Any) -> NoReturn:
    raise ZeroDivisionError("boom")


async def blocks_the_loop(*_: Any) -> None:
    time.sleep(NEVER)  # noqa: ASYNC251 - on purpose


async def never_ends(*_: Any) -> None:
    await asyncio.Event().wait()


def computes_for_ever(*_: Any) -> None:
    threading.Event().wait()


async def keeps_the_interpreter(*_: Any) -> None:
    deque(itertools.repeat(0), maxlen=0)  # a loop in C: no other thread of Python runs any more


# What hangs


def loop_hangs() -> None:
    from agents.candidates import Candidates

    Candidates.handle = blocks_the_loop  # type: ignore[method-assign]


def interpreter_hangs() -> None:
    from agents.candidates import Candidates
    from tables import watch

    watch.LAST_RESORT_S = 3.0
    Candidates.handle = keeps_the_interpreter  # type: ignore[method-assign]


def handler_hangs() -> None:
    from agents.candidates import Candidates

    Candidates.handle = never_ends  # type: ignore[method-assign]


def placing_hangs() -> None:
    from agents.replica import Replica

    Replica.place = computes_for_ever  # type: ignore[method-assign,assignment]


def training_hangs() -> None:
    from agents.learning import Learning

    Learning.learn = computes_for_ever  # type: ignore[method-assign,assignment]


def delivery_hangs() -> None:
    from agents import watchdog
    from agents.inbox import Inbox

    watchdog.LOOK_S, watchdog.IDLE_S = 0.2, 0.5
    Inbox._drain = never_ends  # type: ignore[method-assign]


def queries_block_the_loop() -> None:
    from serving.desk import Desk

    Desk.answer = blocks_the_loop  # type: ignore[method-assign,assignment]


def stopping_hangs() -> None:
    from tables.app import App

    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # others wait for it

    App.stop = never_ends  # type: ignore[method-assign]


# What fails


def candidates_fail() -> None:
    from agents.candidates import Candidates

    Candidates.handle = boom_async  # type: ignore[method-assign]


def inbox_fails() -> None:
    from agents.inbox import Inbox

    Inbox.put = boom_async  # type: ignore[method-assign]


def parameters_fail() -> None:
    from agents.parameters import ParametersFollower

    ParametersFollower._follow = boom_async  # type: ignore[method-assign]


def scanner_fails() -> None:
    from agents.scanner import Scanner

    Scanner._all_filed = boom  # type: ignore[method-assign]


def watchdog_fails() -> None:
    from agents import watchdog

    watchdog.LOOK_S = 0.1
    watchdog.Watchdog._round = boom_async  # type: ignore[method-assign]


def measuring_fails() -> None:
    from agents.shares import Shares

    Shares.items = boom  # type: ignore[method-assign]


def metrics_fail() -> None:
    from agents.metrics import MetricsServer

    MetricsServer._respond = boom  # type: ignore[method-assign]


def watch_fails() -> None:
    from tables.pulse import Pulses

    Pulses.overdue = boom  # type: ignore[method-assign]


def restore_fails() -> None:
    from tables.shard import Shard

    Shard.restore = boom_async  # type: ignore[method-assign]


def faust_fails() -> None:
    from tables.consumer import Consumer

    Consumer.getmany = boom  # type: ignore[attr-defined]


def learning_fails() -> None:
    from agents.learning import Learning

    Learning.learn = boom  # type: ignore[method-assign]


def publishing_fails() -> None:
    from agents.publisher import Publisher

    Publisher._fill = boom  # type: ignore[method-assign]


def exposures_fail() -> None:
    from agents.exposures import ExposureDecoder

    ExposureDecoder.decode = boom  # type: ignore[method-assign]


def items_fail() -> None:
    from agents.item_features import ItemFeatures

    ItemFeatures._take = boom_async  # type: ignore[method-assign]


def lock_fails() -> None:
    from aiokafka import AIOKafkaConsumer

    from agents.trainer_lock import TrainerLock

    async def poll(self: TrainerLock, consumer: AIOKafkaConsumer) -> None:
        await consumer.getmany(timeout_ms=100)
        boom()

    TrainerLock._poll = poll  # type: ignore[method-assign]


def follower_fails() -> None:
    from serving.follower import Follower

    Follower._step = boom_async  # type: ignore[method-assign]


def files_stay_small() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))


# What waits for a sign


async def _held() -> None:
    """Say so, and go on at SIGUSR1."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, GO.set)
    print("held", flush=True)
    await GO.wait()


def placing_is_held() -> None:
    from agents.replica import Replica

    place = Replica.place
    signal.signal(signal.SIGUSR1, lambda *_: GO_THREAD.set())

    def held(*arguments: Any) -> Any:
        print("held", flush=True)
        GO_THREAD.wait()
        return place(*arguments)

    Replica.place = held  # type: ignore[method-assign]


def training_is_held() -> None:
    """But for the first batch."""
    from agents.learning import Learning

    learn = Learning.learn
    batches = itertools.count()
    signal.signal(signal.SIGUSR1, lambda *_: GO_THREAD.set())

    def held(*arguments: Any) -> Any:
        if next(batches):
            print("held", flush=True)
            GO_THREAD.wait()
        return learn(*arguments)

    Learning.learn = held  # type: ignore[method-assign]


def answers_are_held() -> None:
    from serving.desk import Desk

    answer = Desk.answer

    async def held(*arguments: Any) -> Any:
        await _held()
        return await answer(*arguments)

    Desk.answer = held  # type: ignore[method-assign]


def restoring_is_held() -> None:
    """Once some rows are there."""
    from agents import watchdog
    from tables import restore

    watchdog.LOOK_S = 0.2
    settle = restore._settle

    async def held(consumer: Any, waiting: Any) -> None:
        await settle(consumer, waiting)
        if any(target.position for target in waiting.values()):
            await _held()

    restore._settle = held


def reading_is_held() -> None:
    """Once some of what there is has been read."""
    from serving.follower import Follower

    step = Follower._step

    async def held(self: Follower, reader: Any, *others: Any) -> None:
        await step(self, reader, *others)
        if any(reader.positions.values()):
            await _held()

    Follower._step = held  # type: ignore[method-assign]


# What tells


def says_that_it_begins() -> None:
    from infra import worker

    require_topics = worker.require_topics

    async def say(settings: Any, deadline_s: float) -> Any:
        print("begins", flush=True)
        return await require_topics(settings, deadline_s)

    worker.require_topics = say


def tells_of_its_tasks() -> None:
    """At SIGUSR1: every task and thread, a line of JSON each."""

    def tell(*_: Any) -> None:
        from tables.guard import is_guarded

        for task in asyncio.all_tasks():
            code = getattr(task.get_coro(), "cr_code", None)
            file = code.co_filename if code else "a generator"
            about = {"event": "task", "name": task.get_name(), "file": file, "guarded": is_guarded(task)}
            print(json.dumps(about))
        for thread in threading.enumerate():
            print(json.dumps({"event": "thread", "name": thread.name}))
        print(json.dumps({"event": "told"}), flush=True)

    signal.signal(signal.SIGUSR1, tell)
