"""Rows of tidy tables as CSV."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from mirage.files import atomic


def write_rows(rows: Sequence[Mapping], path: Path) -> None:
    """Write rows of equal keys as CSV, floats to their last digit; whole or not at all."""
    with atomic(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
