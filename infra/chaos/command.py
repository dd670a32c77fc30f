"""`svq chaos` from the options to the verdict."""

import asyncio
import json
import sys
import uuid
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from infra.chaos.checks import findings
from infra.chaos.faults import choose
from infra.chaos.options import Options
from infra.chaos.plan import make_plan
from infra.chaos.processes import Started
from infra.chaos.report import report, table
from infra.chaos.run import Run
from infra.chaos.screen import Screen
from infra.chaos.world import World
from infra.logs import configure_logs
from infra.ports import free_port
from infra.reach import quiet_client_logs
from infra.run_folder import run_folder
from infra.signals import stop_signals_interrupt
from infra.stack import Stack
from schemas.errors import InvariantError
from schemas.settings import Settings, load_settings
from schemas.workers import LogSettings

SETTINGS = Path(__file__).with_name("svq.toml")
READY_S = 300.0


def chaos(options: Options) -> None:
    """Run the suite once; Ctrl-C ends everything at any time.

    Raises:
        InvariantError: a check found something; the message names the seed and the logs.
        StreamVQError: the stack could not be started, or came to a stop.
    """
    configure_logs(LogSettings(level="error"), role="chaos")
    with (
        stop_signals_interrupt(),
        Screen() as screen,
        run_folder(options.keep, "--keep", "chaos", screen.say) as folder,
    ):
        figures = _perform(options, folder, screen)
        screen.console.print(table(figures))
        if options.as_json:
            sys.stdout.write(json.dumps(figures) + "\n")
            sys.stdout.flush()
        if figures["findings"]:
            raise InvariantError(
                f"{len(figures['findings'])} findings, the first: {figures['findings'][0]}\n"
                f"The same plan again: --seed {options.seed}. The logs of all processes are in {folder / 'logs'}"
            )


def _perform(options: Options, folder: Path, screen: Screen) -> dict[str, Any]:
    given = load_settings(SETTINGS)
    world = World(_settings(given, folder), options, external="bootstrap_servers" in given.kafka.model_fields_set)
    faults, skipped = choose(options.faults, world)
    for kind, reason in skipped.items():
        screen.say(f"skipped {kind}: {reason}")
    started = Started()
    stack = Stack(
        world.settings,
        roles=lambda settings: world.people(settings, [fault.furnish for fault in faults.values()]),
        brokers=options.brokers,
        detours=world.detours,
        log_folder=folder / "logs",
        on_event=started.event,
        on_line=world.hear,
    )
    screen.say(f"Starting {'the stack' if world.external else 'Kafka and the stack'}; seed {options.seed}")
    with world.equipment, stack:
        world.attach(stack)
        stack.wait_ready(READY_S)
        plan = make_plan(options.seed, 60 * options.minutes, [*faults.values()], world.members(), alone=options.alone)
        with quiet_client_logs():
            outcome = asyncio.run(Run(options, world, faults, plan, screen).run())
        restarts = Counter({role: stack.restarts(role) for role in stack.roles})
        screen.say("ending everything")
    evidence = replace(outcome.evidence, orphans=started.left())
    outcome = replace(outcome, evidence=evidence)
    return report(options, outcome, findings(evidence), skipped, restarts)


def _settings(given: Settings, folder: Path) -> Settings:
    """The bundled settings and the environment, in a folder and with topics of the run's own."""
    own = f"chaos-{uuid.uuid4().hex[:8]}"
    return given.model_copy(
        update={
            "data": folder,
            "kafka": given.kafka.model_copy(update={"prefix": own}),
            "broker": given.broker.model_copy(update={"folder": folder / "broker", "port": free_port()}),
            "server": given.server.model_copy(update={"port": free_port()}),
            "logs": given.logs.model_copy(update={"format": "json"}),  # we read in them who is the active trainer
        }
    )
