"""Start PGD many times at a few images: the loss before and after each, as tidy CSV."""

import argparse
from pathlib import Path

import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

from mirage.data.columns import write_rows
from mirage.data.images import load
from mirage.evaluation import restarts
from mirage.evaluation.jobs import Restarts
from mirage.models import checkpoints
from mirage.runtime import device
from mirage.runtime.errors import script


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = Restarts.parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help=".npz of the images")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help=".csv")
    return parser.parse_args()


@script
def main() -> None:
    """Attack and write the table."""
    args = arguments()
    job: Restarts = args.job
    device.configure(args.threads)
    checkpoints.verify([args.checkpoint], **job.trained)
    found = restarts.losses(
        args.checkpoint,
        *load(args.data),
        parameters=job.parameters,
        dtype=job.dtype,
        epsilon=job.epsilon,
        seed=(job.seed, job.epoch),
        count=job.images,
        starts=job.starts,
    )
    first = job.columns(attack=job.attack, defence=job.defence)
    first |= {"epoch": job.epoch, "dtype": job.dtype, "epsilon": job.epsilon}
    write_rows([{**first, **row} for row in found], args.output)


if __name__ == "__main__":
    main()
