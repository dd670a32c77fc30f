"""`svq doctor`: is everything there that a retriever needs?"""

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from infra.colours import coloured

app = typer.Typer()

COLOURS = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "bright_black"}
WIDTH = 14


@app.command()
def doctor(*, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Look at settings, software, machine, Kafka, topics, workers and server: each is ok, or what mends it is said.

    Reads only. Exit code 0 when nothing failed, else that of the first thing that did; warnings fail nothing.
    """
    from infra.doctor.examination import examine

    findings = []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            status = f"{finding.status:<8}"
            if coloured(sys.stdout):
                status = typer.style(status, fg=COLOURS[finding.status])
            typer.echo(f"{status} {finding.check:<{WIDTH}} {finding.said}")
            if finding.remedy:
                typer.echo(f"{'':8} {'':{WIDTH}} → {finding.remedy}")
    failures = [finding for finding in findings if finding.status == "failed"]
    if as_json:
        typer.echo(json.dumps({"ok": not failures, "findings": [asdict(finding) for finding in findings]}))
    else:
        warnings = sum(finding.status == "warning" for finding in findings)
        typer.echo(f"{len(failures)} failed, {warnings} warnings, of {len(findings)} looked at")
    if failures:
        raise typer.Exit(failures[0].exit_code)
