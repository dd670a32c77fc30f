"""`python -m infra.reference`: write docs/reference."""

from pathlib import Path

from infra.reference.pages import write

if __name__ == "__main__":
    write(Path(__file__).parents[2] / "docs" / "reference")
