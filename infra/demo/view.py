"""What is on the screen at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Codes:
    """The codebook from outside: codes there are, codes that hold an item, and how many it feels like."""

    total: int = 0
    used: int = 0
    perplexity: float = 0.0


@dataclass(slots=True)
class Customer:
    """One customer as the shop sees them: purchases published so far, latest last, and what the server recommends."""

    user_id: str = ""
    country: str = ""
    bought: list[str] = field(default_factory=list)
    recommended: list[str] = field(default_factory=list)


@dataclass(slots=True)
class View:
    """All figures of the replay so far; `None` and empty mean not measured yet."""

    phase: str = "starting"
    events: int = 0
    published: int = 0
    lag: int = 0
    seconds: float = 0.0
    rate: float = 0.0
    stream_time: int = 0
    items: int = 0
    shares: Mapping[str, float] = field(default_factory=dict)
    sampled: int = 0
    delays: Mapping[str, Mapping[str, float | int | None]] = field(default_factory=dict)
    codes: Codes = field(default_factory=Codes)
    customer: Customer = field(default_factory=Customer)
    restarts: int = 0
    notes: list[str] = field(default_factory=list)
