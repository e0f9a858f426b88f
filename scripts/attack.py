"""Attack the checkpoints of a run at the given epsilons: one row for each, as tidy CSV."""

import argparse
import itertools
import json
import logging
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
    parser.add_argument("--data", type=Path, required=True, help=".npz of the attacked images")
    parser.add_argument("--checkpoints", type=Path, nargs="+", required=True)
    parser.add_argument(
        "--trained", type=json.loads, default={}, help="JSON: what the checkpoints must say of it"
    )
    parser.add_argument("--epochs", type=int, nargs="+", required=True, help="of the checkpoints")
    parser.add_argument("--sources", type=Path, nargs="*", help="transfer: whose gradient is used")
    parser.add_argument("--method", required=True, help="module of mirage.attacks")
    parser.add_argument("--parameters", type=json.loads, required=True, help="of the method, JSON")
    parser.add_argument("--dtype", choices=networks.DTYPES, required=True, help="of the gradient")
    parser.add_argument("--epsilons", nargs="*", help="none where the attack takes none")
    parser.add_argument("--images", type=int, help="how many, from the first on; all if not given")
    parser.add_argument("--defence", type=json.loads, help="JSON: method and parameters")
    parser.add_argument("--adaptive", action="store_true", help="attack through the defence")
    parser.add_argument("--labels", type=json.loads, required=True, help="JSON: first columns")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True, help=".csv")
    return parser.parse_args()


@script
def main() -> None:
    """Attack and write the table."""
    args = arguments()
    device.configure(args.threads)
    networks.verify(args.checkpoints, **args.trained)
    networks.verify(args.sources or [])
    images, labels = (array[: args.images] for array in load(args.data))
    epsilons = args.epsilons or [""]
    found = passes.evaluate(
        args.checkpoints,
        args.sources or args.checkpoints,
        images,
        labels,
        method=args.method,
        parameters=args.parameters,
        dtype=args.dtype,
        epsilons=epsilons,
        seeds=[(args.labels["seed"], epoch) for epoch in args.epochs],
        defence=args.defence,
        adaptive=args.adaptive,
    )
    rows = []
    for (epoch, _), row in zip(itertools.product(args.epochs, epsilons), found, strict=True):
        rows.append({**args.labels, "epoch": epoch, **row})
        size = f"  epsilon {row['epsilon']}" if row["epsilon"] else ""
        logging.info("epoch %d%s  accuracy %.4f", epoch, size, row["accuracy"])
    write_rows(rows, args.output)


if __name__ == "__main__":
    main()
