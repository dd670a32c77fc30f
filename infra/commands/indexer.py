"""`svq indexer`: a process that files items under codes."""

import typer

from infra.worker import begin

app = typer.Typer()


@app.command()
def indexer() -> None:
    """Keep the index. Several share the partitions, each with a folder of its own (SVQ_INDEXER__FOLDER)."""
    settings = begin("indexer")
    from agents.indexer import main

    main(settings)
