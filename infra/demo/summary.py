"""What stands on the terminal at the end."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from infra.demo.screen import ARMS, DELAYS, TITLES
from infra.demo.view import Customer

NEW = {"idle_trained": "new product → retrievable, idle, trained"}


def summary(report: Mapping[str, Any], customers: Sequence[Customer], address: str) -> RenderableType:
    """Figures, and customers with what they bought beside what the server recommends."""
    parts: list[RenderableType] = [_figures(report)]
    parts += [_customer(customer) for customer in customers]
    if report["counted"] == report["published"]:
        parts.append(Text(f"counted {report['counted']:,} = published {report['published']:,}"))
    else:
        parts.append(
            Text(f"COUNTED {report['counted']:,} OF {report['published']:,} PUBLISHED: that must not be", "bold red")
        )
    parts.append(Text(f"served by {address}"))
    return Group(*parts)


def invitation(address: str, customers: Sequence[Customer]) -> str:
    """How to go on."""
    body = json.dumps({"user_id": customers[0].user_id if customers else "17850", "k": 5})
    return (
        f"\nThe server goes on at {address}, its documentation at {address}/docs. Try:\n"
        f"  curl -s {address}/v1/retrieve -H 'Content-Type: application/json' -d '{body}'\n"
        "Ctrl-C ends everything."
    )


def _figures(report: Mapping[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    rate = report["exposures_per_second"]
    table.add_row("purchases", f"{report['published']:,} in {report['seconds']:,.0f} s, {rate:,.0f} a second")
    codes = report["codes"]
    table.add_row("codes", f"{codes['used']} of {codes['total']} in use, perplexity {codes['perplexity']:.1f}")
    for key, name in (DELAYS | NEW).items():
        delay = report["immediacy_ms"][key]
        if delay["n"]:
            table.add_row(name, f"p50 {delay['p50']:,.0f} ms, p99 {delay['p99']:,.0f} ms ({delay['n']} measured)")
    for arm, name in ARMS.items():
        value, interval = report["hit_at_100"][arm], report["intervals"][arm]
        if value is not None:
            table.add_row(f"foreseen among 100: {name}", f"{value:.3f}  ({interval[0]:.3f} to {interval[1]:.3f})")
    return table


def _customer(customer: Customer) -> Table:
    table = Table(padding=(0, 1), title=f"customer {customer.user_id}, {customer.country}", title_justify="left")
    table.add_column("bought last")
    table.add_column("the server recommends")
    bought = customer.bought[::-1]
    for at in range(max(len(bought), len(customer.recommended), 1)):
        if at < TITLES:
            table.add_row(*(Text(titles[at] if at < len(titles) else "") for titles in (bought, customer.recommended)))
    return table
