"""Attack all images of a split, to train on them: images and labels as .npz."""

import argparse
from pathlib import Path

import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

from mirage.data import images
from mirage.evaluation import passes
from mirage.evaluation.jobs import AttackOne
from mirage.models import checkpoints
from mirage.runtime import device
from mirage.runtime.errors import script


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = AttackOne.parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help=".npz of the images")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help=".npz")
    return parser.parse_args()


@script
def main() -> None:
    """Attack and save."""
    args = arguments()
    job: AttackOne = args.job
    device.configure(args.threads)
    checkpoints.verify([args.checkpoint], **job.trained)
    pixels, labels = images.load(args.data)
    moved = passes.perturbed(
        args.checkpoint,
        pixels,
        labels,
        method=job.method,
        parameters=job.parameters,
        dtype=job.dtype,
        epsilon=job.epsilon,
        seed=(job.seed, job.epoch),
    )
    images.save(args.output, moved, labels)


if __name__ == "__main__":
    main()
