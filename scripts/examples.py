"""Make images that an attack misleads a network on, to be shown beside the originals."""

import argparse
import json
from pathlib import Path

import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

import numpy as np

from mirage.data.images import load
from mirage.evaluation import passes
from mirage.models import networks
from mirage.runtime import device
from mirage.runtime.errors import script
from mirage.runtime.files import atomic


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help=".npz of the images")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument(
        "--trained", type=json.loads, default={}, help="JSON: what the checkpoints must say of it"
    )
    parser.add_argument("--method", required=True, help="module of mirage.attacks")
    parser.add_argument("--parameters", type=json.loads, required=True, help="of the method, JSON")
    parser.add_argument("--dtype", choices=networks.DTYPES, required=True, help="of the gradient")
    parser.add_argument("--epsilon", default="", help="not given where the attack takes none")
    parser.add_argument("--defence", type=json.loads, help="JSON: method and parameters")
    parser.add_argument("--seed", type=int, nargs="+", required=True)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, required=True, help=".npz")
    return parser.parse_args()


@script
def main() -> None:
    """Attack and save the examples."""
    args = arguments()
    device.configure(args.threads)
    networks.verify([args.checkpoint], **args.trained)
    found = passes.examples(
        args.checkpoint,
        *load(args.data),
        method=args.method,
        parameters=args.parameters,
        dtype=args.dtype,
        epsilon=args.epsilon,
        seed=args.seed,
        count=args.count,
        defence=args.defence,
    )
    with atomic(args.output) as temporary:
        np.savez(temporary, **found)


if __name__ == "__main__":
    main()
