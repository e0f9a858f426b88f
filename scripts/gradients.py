"""Measure a gradient of the checkpoints of a run: how much of it is gone or wrong, as tidy CSV."""

import argparse
from pathlib import Path

import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

from mirage.data.columns import write_rows
from mirage.data.images import load
from mirage.evaluation import masking
from mirage.evaluation.jobs import Gradient
from mirage.models import checkpoints
from mirage.runtime import device
from mirage.runtime.errors import script


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = Gradient.parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help=".npz of the images")
    parser.add_argument("--checkpoints", type=Path, nargs="+", required=True)
    parser.add_argument("--output", type=Path, required=True, help=".csv")
    return parser.parse_args()


@script
def main() -> None:
    """Measure and write the table."""
    args = arguments()
    job: Gradient = args.job
    device.configure(args.threads)
    checkpoints.verify(args.checkpoints, **job.trained)
    images, labels = (array[: job.images] for array in load(args.data))
    found = masking.measure(
        *(args.checkpoints, images, labels),
        gradient=job.gradient,
        dtype=job.dtype,
        defence=job.filter,
    )
    rows = [
        {**job.columns(defence=job.defence), "epoch": epoch, **row}
        for epoch, row in zip(job.epochs, found, strict=True)
    ]
    write_rows(rows, args.output)


if __name__ == "__main__":
    main()
