"""Published values, as studies/STUDY/published.csv has them: what we hold ours against."""

import csv
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from mirage.data.images import DataError

FILE = "published.csv"
COLUMNS = (
    *("source", "place", "key", "split", "epoch", "epsilon"),
    # As the columns measure and item of a table of measures, or a column of that of attacks.
    *("quantity", "item", "value", "note"),
)


def rows(files: Iterable[Path | str]) -> list[dict[str, str]]:
    """The published values of some studies, as text.

    Returns:
        A dict for each value, with `series`, the key by its whole name (STUDY/KEY): of a series
        several rows have it; a cell of a table has one of its own, STUDY/TABLE/ROW/COLUMN.

    Raises:
        DataError: A file has other columns, or a value that is no number.
    """
    found = []
    for file in map(Path, files):
        with open(file, newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise DataError(f"{file}: its columns must be {', '.join(COLUMNS)}")
            for row in reader:
                try:
                    float(row["value"])
                except (TypeError, ValueError):
                    raise DataError(
                        f"{file}, line {reader.line_num}: value {row['value']!r} is no number"
                    ) from None
                found.append({**row, "series": f"{file.parent.name}/{row['key']}"})
    return found


def table(files: Iterable[Path | str]) -> pd.DataFrame:
    """The same as a table: `epsilon` is text, `epoch` an integer or missing, `value` a float.

    Raises:
        As `rows`.
    """
    found = pd.DataFrame(rows(files), columns=[*COLUMNS, "series"])
    found = found.replace("", None)
    return found.astype({"epoch": "float", "value": "float"}).astype({"epoch": "Int64"})
