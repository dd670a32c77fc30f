"""`svq keys`: who may use the servers."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Annotated, Final

import typer

from schemas.errors import ResourceError, SettingsError
from schemas.keys import ApiKey, decode_keys, encode_keys, new_key
from schemas.settings import load_settings

app = typer.Typer(no_args_is_help=True, help="API keys of the servers.")

File = Annotated[Path | None, typer.Option("--file", help="File of keys; default: security.keys of the settings.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
MOST_NAME: Final = 100
"""Characters of a name."""


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose it is, such as the program that will use it.")],
    *,
    write: Annotated[bool, typer.Option("--write", help="It may publish and delete, too.")] = False,
    days: Annotated[int | None, typer.Option(min=1, max=36_500, help="It ends after so many days.")] = None,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it: nobody can find out later what it was. Servers know it a second later."""
    if not 1 <= len(name) <= MOST_NAME or not name.isprintable():
        raise SettingsError(f"the name of a key has 1 to {MOST_NAME} printable characters")
    end = None if days is None else datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
    made = new_key(name, "write" if write else "read", end)
    path = _path(file)
    with _changing(path) as keys:
        keys.append(made.kept)
    if as_json:
        typer.echo(json.dumps({"key": made.key, **_shown(made.kept)}))
        return
    typer.echo(made.key)
    typer.echo(f"{made.kept.id} in {path}: {_may(made.kept)}. Keep the key now, it is not stored", err=True)


@app.command("list")
def list_keys(*, file: File = None, as_json: AsJson = False) -> None:
    """Which keys there are, and until when."""
    path = _path(file)
    keys = _read(path)
    if as_json:
        typer.echo(json.dumps([_shown(key) for key in keys]))
        return
    for key in keys:
        typer.echo(f"{key.id}  {_may(key):35}  {key.name}")
    if not keys:
        typer.echo(f"no keys in {path}")


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `svq keys list` prints it.")],
    *,
    file: File = None,
    as_json: AsJson = False,
) -> None:
    """Let a key be refused from now on. Servers know it a second later."""
    path = _path(file)
    with _changing(path) as keys:
        found = next((key for key in keys if key.id == key_id), None)
        if found is None:
            raise SettingsError(f"there is no key {key_id} in {path}: see `svq keys list`")
        keys.remove(found)
    typer.echo(json.dumps(_shown(found)) if as_json else f"{found.id} ({found.name}) is revoked")


def _path(given: Path | None) -> Path:
    path = given or load_settings().security.keys
    if path is None:
        raise SettingsError(
            "no file of keys: give --file, or set security.keys (SVQ_SECURITY__KEYS), which servers need, too"
        )
    return path.expanduser().absolute()


def _read(path: Path) -> list[ApiKey]:
    try:
        return decode_keys(path.read_bytes())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ResourceError(f"cannot read {path}: {error.strerror}") from error
    except SettingsError as error:
        raise SettingsError(f"{path} {error}") from error


@contextmanager
def _changing(path: Path) -> Iterator[list[ApiKey]]:
    """The keys, to be changed and written as a whole: a server never meets half a file, and no change is lost."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise ResourceError(f"cannot use {path.parent}: {error.strerror}") from error
    try:
        flock(folder, LOCK_EX)
        keys = _read(path)
        yield keys
        _write(path, encode_keys(keys))
        os.fsync(folder)
    finally:
        os.close(folder)


def _write(path: Path, content: bytes) -> None:
    try:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), mode)
        Path(file.name).replace(path)
    except OSError as error:
        raise ResourceError(f"cannot write {path}: {error.strerror}") from error


def _may(key: ApiKey) -> str:
    what = "reads and writes" if key.scope == "write" else "reads"
    if key.expires is None:
        return what
    return f"{what}, {'ended' if key.expired(datetime.now(UTC)) else 'ends'} {key.expires:%Y-%m-%d}"


def _shown(key: ApiKey) -> dict[str, str | None]:
    end = key.expires.isoformat() if key.expires else None
    return {
        "id": key.id,
        "name": key.name,
        "scope": key.scope,
        "created": key.created.isoformat(),
        "expires": end,
    }
