"""Make images that an attack misleads a network on, to be shown beside the originals."""

import argparse
from pathlib import Path

import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

import numpy as np

from mirage.data.images import load
from mirage.evaluation import passes
from mirage.evaluation.jobs import Examples
from mirage.models import checkpoints
from mirage.runtime import device
from mirage.runtime.errors import script
from mirage.runtime.files import atomic


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = Examples.parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help=".npz of the images")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help=".npz")
    return parser.parse_args()


@script
def main() -> None:
    """Attack and save the examples."""
    args = arguments()
    job: Examples = args.job
    device.configure(args.threads)
    checkpoints.verify([args.checkpoint], **job.trained)
    found = passes.examples(
        args.checkpoint,
        *load(args.data),
        method=job.method,
        parameters=job.parameters,
        dtype=job.dtype,
        epsilon=job.epsilon,
        seed=(job.seed, job.epoch),
        count=job.count,
        defence=job.filter,
    )
    with atomic(args.output) as temporary:
        np.savez(temporary, **found)


if __name__ == "__main__":
    main()
