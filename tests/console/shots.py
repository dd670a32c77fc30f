"""Pictures of the console for the documentation: `python -m tests.console.shots --url http://127.0.0.1:8080`.

The server is any that is up, for example that of `svq demo` after it has replayed for some minutes.
"""

import argparse
import asyncio
import io
import json
import urllib.request
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from PIL import Image
from playwright.async_api import Browser, Page

from tests.console.browser import browser

OUT: Final = Path(__file__).parents[2] / "docs" / "console"
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 400, "height": 820}


def get(url: str, path: str) -> Any:
    """JSON of the server."""
    with urllib.request.urlopen(f"{url}/{path}", timeout=10) as response:  # noqa: S310 - an address that we were given
        return json.load(response)


def pages(url: str) -> dict[str, str]:
    """Name of a picture -> where it is taken: of a large cluster, of an item that moved, of a user who is active."""
    largest = get(url, "v1/codebook/map?limit=1")["id"][0]
    moves = get(url, "v1/moves?limit=1")["moves"]
    item = moves[0]["item"] if moves else get(url, f"v1/clusters/{largest}/surroundings")["best"][0]["id"]
    user = get(url, "v1/active-users?limit=1")["users"][0]["id"]
    return {
        "live": "live",
        "map": f"map/{largest}",
        "items": f"items/{quote(item, safe='')}",
        "query": f"query/{quote(user, safe='')}",
        "letters": "letters",
    }


async def shoot(opened: Browser, url: str, out: Path) -> None:
    """Every page in light colours, one of them dark, one on a phone."""
    found = pages(url)
    for name, place, dark, size in (
        *((name, place, False, WIDE) for name, place in found.items()),
        ("map-dark", "map", True, WIDE),
        ("live-phone", found["live"], False, PHONE),
    ):
        context = await opened.new_context(viewport=size, color_scheme="dark" if dark else "light")  # type: ignore[arg-type]
        page = await context.new_page()
        await page.goto(f"{url}/console/#/{place}")
        await settled(page)
        save(await page.screenshot(animations="disabled", full_page=name == "live"), out / f"{name}.png")
        await context.close()


def save(picture: bytes, path: Path) -> None:
    """In few colours: a page has few, and a repository keeps every picture for ever."""
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(128, kmeans=1).save(path, optimize=True)


async def settled(page: Page) -> None:
    """Wait until the page shows what it has to show."""
    await page.locator("main[aria-busy=false]").wait_for()
    await page.wait_for_load_state("networkidle")


async def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    async with browser() as opened:
        await shoot(opened, options.url, options.out)


if __name__ == "__main__":
    asyncio.run(main())
