"""Make one of the tables, as CSV and Markdown, from the rows of the jobs before it."""

import argparse
from pathlib import Path

import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

from mirage.data import published
from mirage.reporting import rows, tables
from mirage.runtime.errors import script
from mirage.study.jobs import Table


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = Table.parser(__doc__)
    parser.add_argument("--data", type=Path, nargs="*", default=[], help="tidy CSV files")
    parser.add_argument(
        "--gradients", type=Path, nargs="*", default=[], help="tidy CSV files of gradients"
    )
    parser.add_argument(
        "--published", type=Path, nargs="*", default=[], help="published.csv of studies"
    )
    parser.add_argument("--output", type=Path, nargs=2, required=True, metavar=("CSV", "MARKDOWN"))
    return parser.parse_args()


@script
def main() -> None:
    """Read, arrange and write."""
    args = arguments()
    job: Table = args.job
    gradients = rows.read(args.gradients, "gradients")
    if job.table == "summary":
        attacks = rows.read(args.data, "attacks")
        table, text = tables.summary(attacks, gradients, job.options)
    elif job.table == "published":
        kinds = zip(args.data, ("attacks", "measures"), strict=True)
        attacks, measures = (rows.read([path], kind) for path, kind in kinds)
        values = published.table(args.published)
        table, text = tables.published(attacks, gradients, measures, values, job.options)
    elif job.table == "cells":
        values = published.table(args.published)
        attacks = rows.read(args.data, "attacks")
        table, text = tables.cells(attacks, gradients, values, job.options)
    else:
        keys, values = tables.TABLES[job.table]
        table = rows.read(args.data, job.table)
        text = tables.readable(tables.over_seeds(table, keys, values), values)
    tables.write(table, text, *args.output)


if __name__ == "__main__":
    main()
