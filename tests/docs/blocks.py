"""The fenced blocks of every page, and what is said above one: `<!-- not run: why -->`, `<!-- run by tests/… -->`."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("client/*.md"), *ROOT.glob("docs/**/*.md"))
    if path.name != "CHANGELOG.md"
)
WRITTEN = [path for path in PAGES if path.parent.name != "reference"]
"""By hand."""
_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>[^\n]*?) -->\n+)?(?P<indent> *)```(?P<language>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_OUTSIDE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One block; `where` is its page and line."""

    page: str
    where: str
    language: str
    text: str
    mark: str

    @property
    def executed(self) -> bool:
        """Whether nothing says that it is not run here."""
        return not self.mark.startswith(("not run: ", "run by "))


def name(page: Path) -> str:
    """As people write it."""
    return str(page.relative_to(ROOT))


def blocks(*languages: str) -> list[Block]:
    """All of these languages, on pages written by hand."""
    found = []
    for page in WRITTEN:
        text = page.read_text()
        for match in _BLOCK.finditer(text):
            where = f"{name(page)}:{text.count(chr(10), 0, match.start('language')) + 1}"
            block = Block(name(page), where, match["language"].split(" ")[0], match["text"], match["mark"] or "")
            if block.language in languages:
                found.append(block)
    return found


def prose(page: Path) -> str:
    """A page without its blocks."""
    return _OUTSIDE.sub("", page.read_text())
