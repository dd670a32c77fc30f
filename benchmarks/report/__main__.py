"""`python -m benchmarks.report`: write docs/quality.md and its plots from the stored results."""

from pathlib import Path

from benchmarks.report.quality import read_stores, write

if __name__ == "__main__":
    for path in write(Path(__file__).parents[2] / "docs", read_stores()):
        print(path)
