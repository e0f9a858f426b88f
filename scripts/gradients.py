"""Measure a gradient of the checkpoints of a run: how much of it is gone or wrong, as tidy CSV."""

import argparse
import json
from pathlib import Path

import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

from mirage.attacks.gradients import LOSSES
from mirage.data.columns import write_rows
from mirage.data.images import load
from mirage.evaluation import masking
from mirage.models import networks
from mirage.runtime import device
from mirage.runtime.errors import script


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help=".npz of the images")
    parser.add_argument("--checkpoints", type=Path, nargs="+", required=True)
    parser.add_argument(
        "--trained", type=json.loads, default={}, help="JSON: what the checkpoints must say of it"
    )
    parser.add_argument("--epochs", type=int, nargs="+", required=True, help="of the checkpoints")
    parser.add_argument("--gradient", choices=LOSSES, required=True, help="the loss it is of")
    parser.add_argument("--dtype", choices=networks.DTYPES, required=True, help="of the gradient")
    parser.add_argument("--images", type=int, help="how many, from the first on; all if not given")
    parser.add_argument("--defence", type=json.loads, help="JSON: method and parameters")
    parser.add_argument("--labels", type=json.loads, required=True, help="JSON: first columns")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True, help=".csv")
    return parser.parse_args()


@script
def main() -> None:
    """Measure and write the table."""
    args = arguments()
    device.configure(args.threads)
    networks.verify(args.checkpoints, **args.trained)
    images, labels = (array[: args.images] for array in load(args.data))
    found = masking.measure(
        args.checkpoints,
        images,
        labels,
        gradient=args.gradient,
        dtype=args.dtype,
        defence=args.defence,
    )
    rows = [
        {**args.labels, "epoch": epoch, **row}
        for epoch, row in zip(args.epochs, found, strict=True)
    ]
    write_rows(rows, args.output)


if __name__ == "__main__":
    main()
