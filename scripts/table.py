"""Make one of the tables, as CSV and Markdown, from the rows of the jobs before it."""

import argparse
import json
from pathlib import Path

import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

from mirage.data import published
from mirage.reporting import tables
from mirage.runtime.errors import script


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", choices=[*tables.TABLES, "summary", "published", "cells"])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="tidy CSV files")
    parser.add_argument(
        "--published", type=Path, nargs="*", default=[], help="published.csv of studies"
    )
    parser.add_argument("--options", type=json.loads, default={}, help="of the table, as JSON")
    parser.add_argument("--output", type=Path, nargs=2, required=True, metavar=("CSV", "MARKDOWN"))
    return parser.parse_args()


@script
def main() -> None:
    """Read, arrange and write."""
    args = arguments()
    if args.table == "summary":
        table, text = tables.summary(tables.read(args.data, "attacks"), args.options)
    elif args.table == "published":
        kinds = zip(args.data, ("attacks", "measures"), strict=True)
        attacks, measures = (tables.read([path], kind) for path, kind in kinds)
        values = published.table(args.published)
        table, text = tables.published(attacks, measures, values, args.options)
    elif args.table == "cells":
        values = published.table(args.published)
        table, text = tables.cells(tables.read(args.data, "attacks"), values, args.options)
    else:
        keys, values = tables.TABLES[args.table]
        table = tables.read(args.data, args.table)
        text = tables.readable(tables.over_seeds(table, keys, values), values)
    tables.write(table, text, *args.output)


if __name__ == "__main__":
    main()
