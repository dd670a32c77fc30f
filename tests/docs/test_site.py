"""The site is built strictly, has every page, and loads nothing from elsewhere."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from blocks import ROOT

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return folder


def listed(nav: Any) -> Iterator[str]:
    """Pages of the navigation."""
    if isinstance(nav, str):
        yield nav
    for below in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from listed(below)


def test_every_page_has_its_place_in_the_navigation() -> None:
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}
    places = list(listed(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    missing = pages - set(places)
    assert not missing, f"give them a place under `nav` in mkdocs.yml: {', '.join(sorted(missing))}"
    assert sorted(places) == sorted(pages), "twice, or no such page"


def test_every_page_is_on_the_site(site: Path) -> None:
    for page in DOCS.rglob("*.md"):
        assert (site / page.relative_to(DOCS).with_suffix(".html")).exists()


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = re.findall(r"<(?:script|img|link|iframe|source)\b[^>]*?(?:src|href)=\"([^\"]*)\"", page.read_text())
        assert not [url for url in loaded if url.startswith(("http:", "https:", "//"))], page.name


def test_whatever_is_looked_for_is_found(site: Path) -> None:
    index = (site / "search" / "search_index.json").read_text()
    for words in ("svq topics grow", "stall_deadline_s", "svq_consumer_lag_records", "/v1/retrieve", "FencedError"):
        assert words in index, words
