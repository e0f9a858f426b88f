"""Draw one figure of the configuration from tables of results."""

import importlib
from pathlib import Path

import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

import numpy as np
import pandas as pd

from mirage.data import images, published
from mirage.reporting import rows
from mirage.reporting.plots import style
from mirage.runtime.errors import script
from mirage.runtime.files import atomic
from mirage.study.jobs import Figure


def read(paths: list[Path], table: str) -> pd.DataFrame | list[dict[str, np.ndarray]]:
    """Return the rows of all CSV files in `paths`, or the arrays of each NPZ file.

    `table` is a key of `mirage.data.columns.COLUMNS` or `mirage.data.images.ARRAYS`. Raises
    DataError or RowsError for a file that does not hold such rows or arrays.
    """
    if table in images.ARRAYS:
        return [images.arrays(path, *images.ARRAYS[table]) for path in paths]
    return rows.read(paths, table)


@script
def main(arguments: list[str] | None = None) -> None:
    """Read the tables, draw the figure and write it in each format asked for."""
    parser = Figure.parser(__doc__)
    parser.add_argument("--data", required=True, type=Path, nargs="+", help="CSV or NPZ files")
    parser.add_argument(
        "--probes", type=Path, nargs="*", default=[], help="CSV files of probes, beside attacks"
    )
    parser.add_argument(
        "--published", type=Path, nargs="*", default=[], help="published.csv of studies"
    )
    parser.add_argument("--output", required=True, type=Path, nargs="+", help=".png and .svg files")
    args = parser.parse_args(arguments)
    figure = args.job.figure

    values = published.table(args.published) if args.published else None
    # Only the module asked for: a change of one kind of plot must not redraw the others.
    plot = importlib.import_module(f"mirage.reporting.plots.{figure['plot']}")
    data = read(args.data, figure["reads"])
    if args.probes:
        data = pd.concat([data, rows.read(args.probes, "measures")], ignore_index=True)
    drawing = plot.draw(figure, data, values)
    for path in args.output:
        with atomic(path) as temporary:
            style.save(drawing, temporary)


if __name__ == "__main__":
    main()
