"""`svq trainer`: the process that learns."""

import typer

from infra.worker import begin

app = typer.Typer()


@app.command()
def trainer() -> None:
    """Learn from exposures; publish the model and where items belong. One is active, others stand by."""
    settings = begin("trainer")
    from agents.trainer import main

    main(settings)
