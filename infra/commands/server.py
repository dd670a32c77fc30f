"""`svq server`: a process that answers queries."""

from typing import Annotated

import typer

from infra.worker import begin

app = typer.Typer()


@app.command()
def server(
    host: Annotated[str | None, typer.Option(help="Address to listen at; default: server.host.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen at; default: server.port.")] = None,
) -> None:
    """Hold the index in memory, follow it live, answer queries over HTTP."""
    settings = begin("server")
    changes = {"host": host, "port": port}
    changed = settings.server.model_copy(update={key: value for key, value in changes.items() if value is not None})
    from serving.main import main

    main(settings.model_copy(update={"server": changed}))
