"""One command, or group of commands, a file: each has a typer app named `app`."""
