"""Start PGD many times at a few images: the loss before and after each, as tidy CSV."""

import argparse
import json
from pathlib import Path

import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

from mirage.data.columns import write_rows
from mirage.data.images import load
from mirage.evaluation import restarts
from mirage.models import networks
from mirage.runtime import device
from mirage.runtime.errors import script


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help=".npz of the images")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument(
        "--trained", type=json.loads, default={}, help="JSON: what the checkpoints must say of it"
    )
    parser.add_argument("--parameters", type=json.loads, required=True, help="of PGD, JSON")
    parser.add_argument("--dtype", choices=networks.DTYPES, required=True, help="of the gradient")
    parser.add_argument("--epsilon", required=True)
    parser.add_argument("--epoch", type=int, required=True, help="of the checkpoint")
    parser.add_argument("--images", type=int, default=5, help="how many, rightly classified ones")
    parser.add_argument("--starts", type=int, default=500, help="for each image")
    parser.add_argument("--labels", type=json.loads, required=True, help="JSON: first columns")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True, help=".csv")
    return parser.parse_args()


@script
def main() -> None:
    """Attack and write the table."""
    args = arguments()
    device.configure(args.threads)
    networks.verify([args.checkpoint], **args.trained)
    found = restarts.losses(
        args.checkpoint,
        *load(args.data),
        parameters=args.parameters,
        dtype=args.dtype,
        epsilon=args.epsilon,
        seed=(args.labels["seed"], args.epoch),
        count=args.images,
        starts=args.starts,
    )
    first = {**args.labels, "epoch": args.epoch, "dtype": args.dtype, "epsilon": args.epsilon}
    write_rows([{**first, **row} for row in found], args.output)


if __name__ == "__main__":
    main()
