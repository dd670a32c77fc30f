"""The stack as the faults see it: processes by role, that can be hit, sent away and brought back."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import reduce
from pathlib import Path

import psutil

from infra.broker_files import Detour
from infra.chaos.clock import Clock
from infra.chaos.disk import SmallDisk
from infra.chaos.options import Options
from infra.chaos.proxy import Proxy
from infra.ports import free_port, free_ports
from infra.roles import Role, several_roles
from infra.stack import BROKER, Stack
from schemas.settings import Settings

TRAINERS = 2
ACTIVE = '"event":"active trainer"'  # in the line that a trainer logs when the lock is its own

Furnish = Callable[[Role, "World"], Role]


class World:
    """A stack, and where its processes keep what may be taken from them.

    Attributes:
        settings: of all processes; with the addresses in use once a stack is attached.
        external: Kafka is somebody else's: it must not be touched.
        roles: those that the stack is started with, by name.
        servers: role -> address.
        equipment: what faults need as long as the stack runs, such as a disk; entered by `furnish`, left at the end.
        active: role of the trainer that learns, as its log says.
        clocks, disks: of roles that have one of their own.
        detours: second ways into the brokers, for a proxy; none where they are somebody else's.
    """

    def __init__(self, settings: Settings, options: Options, *, external: bool = False) -> None:
        self.settings, self.external = settings, external
        self.roles: dict[str, Role] = {}
        self.servers: dict[str, str] = {}
        self.equipment = ExitStack()
        self.active = "trainer-0"
        self.clocks: dict[str, Clock] = {}
        self.disks: dict[str, SmallDisk] = {}
        self.detours = [] if external else [Detour(*free_ports(2)) for _ in range(options.brokers)]
        self.options = options
        self._proxy: Proxy | None = None
        self._stack: Stack | None = None

    @property
    def proxy(self) -> Proxy:
        """In front of all brokers, from the first time that it is asked for."""
        if self._proxy is None:
            self._proxy = self.equipment.enter_context(Proxy(self.detours))
        return self._proxy

    def people(self, settings: Settings, furnish: Sequence[Furnish]) -> Sequence[Role]:
        """The roles to start, each with what the faults need it to have."""
        ports = [settings.server.port, *(free_port() for _ in range(1, self.options.servers))]
        self.servers = {f"server-{number}": f"http://127.0.0.1:{port}" for number, port in enumerate(ports)}
        for role in several_roles(settings, TRAINERS, self.options.indexers, ports):
            self.roles[role.name] = reduce(lambda made, furnishing: furnishing(made, self), furnish, role)
        return list(self.roles.values())

    def attach(self, stack: Stack) -> None:
        """The stack that runs these roles."""
        self._stack, self.settings = stack, stack.settings

    @property
    def stack(self) -> Stack:
        """The stack, once there is one."""
        assert self._stack is not None, "attach a stack first"  # noqa: S101 - a programming error
        return self._stack

    def hear(self, role: str, line: str) -> None:
        """Take note of a line that a process wrote; called from several threads."""
        if ACTIVE in line and role in self.roles:
            self.active = role

    def members(self) -> Mapping[str, Sequence[str]]:
        """What a plan may name for each kind of target: the trainer is whoever is active then, others have numbers."""
        numbered = {
            kind: [name for name in self.roles if name.startswith(f"{kind}-")] for kind in ("indexer", "server")
        }
        return {"trainer": ["trainer"], BROKER: self.stack.brokers, **numbered}

    def role(self, target: str) -> str:
        """Name of the role that a target of the plan stands for now."""
        return self.active if target == "trainer" else target

    def process(self, target: str) -> psutil.Process | None:
        """The target's process, None while it is down."""
        return self.stack.process(self.role(target))

    async def leave(self, name: str, grace_s: float) -> None:
        """End a process, killed after `grace_s`, and do not start it again."""
        await asyncio.to_thread(self.stack.leave, name, grace_s)

    async def join(self, role: Role) -> None:
        """Start a process and keep it running."""
        await asyncio.to_thread(self.stack.join, role)

    def folder(self, name: str) -> Path | None:
        """Where a role keeps its tables; None for one that keeps nothing."""
        variables = self.roles[name].environment
        found = next((value for variable, value in variables.items() if variable.endswith("__FOLDER")), None)
        return Path(found) if found else None
