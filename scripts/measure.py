"""Measure the checkpoints of a run: spectral norms, logit margins, class accuracies."""

import argparse
import json
from pathlib import Path

import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

from mirage.data.columns import write_rows
from mirage.data.images import load
from mirage.evaluation import passes
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
    images, labels = load(args.data)
    rows = [
        {**args.labels, "epoch": epoch, **row}
        for epoch, found in zip(
            args.epochs, passes.measure(args.checkpoints, images, labels), strict=True
        )
        for row in found
    ]
    write_rows(rows, args.output)


if __name__ == "__main__":
    main()
