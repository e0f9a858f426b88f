"""Train one link of a chain: from the checkpoint before (or the initial weights) to the next."""

import argparse
import math
from pathlib import Path

import preloaded

if __name__ == "__main__":
    preloaded.hand_over()

from mirage.data.images import load
from mirage.models import checkpoints, networks
from mirage.runtime import device
from mirage.runtime.errors import script
from mirage.training import chain
from mirage.training.job import Link


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = Link.parser(__doc__)
    parser.add_argument("--training", type=Path, required=True, help=".npz of the training data")
    parser.add_argument("--validation", type=Path, required=True, help=".npz of validation data")
    parser.add_argument(
        "--before", type=Path, nargs="?", help="checkpoint to start from; none: initial weights"
    )
    parser.add_argument("--teacher", type=Path, nargs="?", help="checkpoint to learn from, if any")
    parser.add_argument("--checkpoint", type=Path, required=True, help="output: .keras")
    parser.add_argument("--history", type=Path, required=True, help="output: .csv")
    return parser.parse_args()


@script
def main() -> None:
    """Train and save."""
    args = arguments()
    job: Link = args.job
    device.configure(args.threads, job.dtype)
    data = [load(args.training), load(args.validation)]
    shape = data[0][0].shape[1:]
    about = {"dataset": job.dataset, "network": job.network, "dtype": job.dtype}
    checkpoints.verify([args.before] if args.before else [], **about)
    teacher = None
    if args.teacher:
        checkpoints.verify([args.teacher], **job.teacher)
        teacher = checkpoints.load(args.teacher)
    later = job.first_epoch > 1  # a first link has its optimizer anew, whatever weights it takes
    if args.before:
        network = checkpoints.load(args.before, training=later)
    else:
        given = (job.network, job.dtype, job.seed, shape, job.initial_weights)
        network = networks.build(*given, images=data[0][0])
    if later:
        optimizer = network.optimizer
    else:
        network, optimizer = chain.start(network, job.optimizer)
    rows = chain.train(
        network,
        optimizer,
        *((images.reshape(len(images), math.prod(shape)), labels) for images, labels in data),
        epochs=range(job.first_epoch, job.last_epoch + 1),
        seed=job.seed,
        schedule=job.learning_rate,
        batch_size=job.batch_size,
        objective=job.objective,
        l2=job.l2,
        teacher=teacher,
    )
    first = {"dataset": job.dataset, "run": job.run, "seed": job.seed, "epoch": None}
    chain.save(network, [{**first, **row} for row in rows], args.checkpoint, args.history, about)


if __name__ == "__main__":
    main()
