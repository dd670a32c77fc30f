"""A small shop's sales in the form of the published file: customers with tastes, new products all along."""

import csv
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from infra.demo.dataset import HEADER

GROUPS = 8


def write_shop(path: Path, lines: int, *, products: int = 400, customers: int = 250, seed: int = 0) -> Path:
    """Write at least so many purchase lines, with some that are none."""
    rng = np.random.default_rng(seed)
    moment = datetime(2010, 12, 1, 8, 0)  # noqa: DTZ001 - the file names no zone
    with path.open("w", encoding="cp1252", newline="") as target:
        writer = csv.writer(target)
        writer.writerow(HEADER)
        written, invoice = 0, 536_000
        while written < lines:
            invoice += 1
            moment += timedelta(minutes=int(rng.integers(1, 90)))
            customer = int(rng.integers(customers))
            known = 60 + (products - 60) * written // lines
            for _ in range(int(rng.integers(1, 25))):
                number = int(known * rng.random() ** 2)
                number -= (number - customer) % GROUPS if rng.random() < 0.8 else 0
                number = max(number, 0)
                row = [invoice, 20_000 + number, f"GROUP {chr(65 + number % GROUPS) * 3} THING NO {number}", 1]
                row += [moment.strftime("%m/%d/%Y %H:%M"), f"{1 + number % 7}.25", 12_000 + customer, "United Kingdom"]
                writer.writerow(row)
                written += 1
            writer.writerow([f"C{invoice}", 20_000, "RETURNED", -1, moment.strftime("%m/%d/%Y %H:%M"), 1, customer, ""])
    return path
