"""The pages by file name."""

from pathlib import Path

from infra.reference import commands, endpoints, errors, metrics, settings

PAGES = {
    "commands.md": commands.page,
    "settings.md": settings.page,
    "metrics.md": metrics.page,
    "http.md": endpoints.page,
    "errors.md": errors.page,
}


def pages() -> dict[str, str]:
    """File name -> text."""
    return {name: "\n".join(page()).rstrip() + "\n" for name, page in PAGES.items()}


def write(folder: Path) -> None:
    """Write them all."""
    folder.mkdir(exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text)
