"""Measure the checkpoints of a run: spectral norms, logit margins, class accuracies."""

import argparse
from pathlib import Path

import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

from mirage.data.columns import write_rows
from mirage.data.images import load
from mirage.evaluation import passes
from mirage.evaluation.jobs import Measure
from mirage.models import checkpoints
from mirage.runtime import device
from mirage.runtime.errors import script


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = Measure.parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help=".npz of the images")
    parser.add_argument("--checkpoints", type=Path, nargs="+", required=True)
    parser.add_argument("--output", type=Path, required=True, help=".csv")
    return parser.parse_args()


@script
def main() -> None:
    """Measure and write the table."""
    args = arguments()
    job: Measure = args.job
    device.configure(args.threads)
    checkpoints.verify(args.checkpoints, **job.trained)
    found = passes.measure(args.checkpoints, *load(args.data))
    rows = [
        {**job.columns(), "epoch": epoch, **row}
        for epoch, measured in zip(job.epochs, found, strict=True)
        for row in measured
    ]
    write_rows(rows, args.output)


if __name__ == "__main__":
    main()
