"""The live panel on a terminal, plain lines elsewhere; both on standard error, so that standard output stays JSON."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from infra.demo.view import View

PANEL_S, LINE_S = 0.5, 5.0
TITLES, NOTES, WIDTH = 5, 3, 46
PLAIN_WIDTH = 120
ARMS = {
    "svq": "streamvq, 10 % of the items scored",
    "exact": "same towers, every item scored",
    "popularity": "lately popular",
    "item_knn": "bought together",
}
DELAYS = {
    "idle": "new product → retrievable, idle",
    "candidate": "new product → retrievable",
    "exposure": "purchase → re-filed",
}


class Screen:
    """Shows views as they come, no more often than eyes can follow."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or _console()
        self._live = Live(console=self.console, auto_refresh=False, transient=False) if self._terminal else None
        self._shown = -LINE_S
        self._phase = ""
        self._noted = 0

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, view: View) -> None:
        """Draw the view if the last one is old enough, or the phase changed."""
        now = time.monotonic()
        if now - self._shown < (PANEL_S if self._live else LINE_S) and view.phase == self._phase:
            return
        self._shown, self._phase = now, view.phase
        if self._live:
            self._live.update(panel(view), refresh=True)
        else:
            for note in view.notes[self._noted :]:
                self.say(note)
            self._noted = len(view.notes)
            self.say(line(view))

    def say(self, text: str) -> None:
        """A line that stays."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    @property
    def _terminal(self) -> bool:
        return self.console.is_terminal


def _console() -> Console:
    console = Console(stderr=True)
    return console if console.is_terminal else Console(stderr=True, width=PLAIN_WIDTH)


def line(view: View) -> str:
    """The view in one line.

    >>> line(View(phase="replay", events=100, published=40, seconds=2.0, rate=20.0))
    'replay  40/100 events  20/s  lag 0  0 items'
    """
    parts = [view.phase, f"{view.published:,}/{view.events:,} events", f"{view.rate:,.0f}/s", f"lag {view.lag:,}"]
    parts.append(f"{view.items:,} items")
    parts += [f"{arm} {share:.3f}" for arm, share in view.shares.items()]
    for name, delay in view.delays.items():
        if delay["n"]:
            parts.append(f"{name} p50 {delay['p50']:.0f} p99 {delay['p99']:.0f} ms")
    if view.codes.total:
        parts.append(f"codes {view.codes.used}/{view.codes.total} perplexity {view.codes.perplexity:.1f}")
    if view.restarts:
        parts.append(f"{view.restarts} restarts")
    return "  ".join(parts)


def panel(view: View) -> RenderableType:
    """The view as a panel."""
    bar = Table.grid(expand=True)  # a progress bar alone does not end its line
    bar.add_row(ProgressBar(total=max(view.events, 1), completed=view.published))
    figures = Columns([_stream(view), _quality(view), _delays(view)], padding=(0, 3))
    parts: list[RenderableType] = [bar, figures, _customer(view)]
    parts += [Text(note, style="dim") for note in view.notes[-NOTES:]]
    return Panel(Group(*parts), title=f"streamvq demo · {view.phase}", title_align="left")


def _stream(view: View) -> Table:
    table = _grid("stream")
    date = datetime.fromtimestamp(view.stream_time / 1000, UTC).date().isoformat() if view.stream_time else "–"
    table.add_row("the shop's date", date)
    table.add_row("purchases", f"{view.published:,} of {view.events:,}")
    table.add_row("a second", f"{view.rate:,.0f}")
    table.add_row("not yet learned", f"{view.lag:,}")
    table.add_row("items", f"{view.items:,}")
    table.add_row("codes in use", f"{view.codes.used} of {view.codes.total}" if view.codes.total else "–")
    table.add_row("perplexity", f"{view.codes.perplexity:.1f}" if view.codes.total else "–")
    table.add_row("restarts", str(view.restarts))
    return table


def _quality(view: View) -> Table:
    table = _grid(f"foreseen among 100, {view.sampled:,} purchases")
    for arm, name in ARMS.items():
        share = view.shares.get(arm)
        table.add_row(name, "–" if share is None else f"{share:.3f}")
    return table


def _delays(view: View) -> Table:
    table = _grid("delay, p50 / p99 ms")
    for key, name in DELAYS.items():
        delay = view.delays.get(key, {})
        table.add_row(name, f"{delay['p50']:,.0f} / {delay['p99']:,.0f}" if delay.get("n") else "–")
    return table


def _customer(view: View) -> Table:
    customer = view.customer
    table = Table(box=None, padding=(0, 3, 0, 0))
    table.add_column(f"customer {customer.user_id} ({customer.country}) bought last", width=WIDTH)
    table.add_column("the server recommends now", width=WIDTH)
    bought = customer.bought[::-1]
    for at in range(TITLES):
        table.add_row(_title(bought, at), _title(customer.recommended, at))
    return table


def _title(titles: Sequence[str], at: int) -> Text:
    return Text(titles[at][:WIDTH] if at < len(titles) else "")


def _grid(title: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column(title, style="dim")
    table.add_column("", justify="right")
    return table
