"""What every job on checkpoints does first."""

import argparse

import numpy as np

from mirage.data.images import load
from mirage.evaluation.jobs import OfRun
from mirage.models import checkpoints
from mirage.runtime import device


def begin(args: argparse.Namespace) -> tuple[OfRun, np.ndarray, np.ndarray]:
    """Set up the device, check the checkpoints, read the images.

    Args:
        args: As the parser of a kind of `OfRun` gives them.

    Returns:
        The job, all images of its split, shape (n, height, width, ...), uint8, and their labels,
        shape (n,).

    Raises:
        NetworkError: A checkpoint is not what the job says of it; the message names the file.
        DataError: The images cannot be read.
    """
    device.configure(args.threads)
    checkpoints.verify(args.checkpoints, **args.job.trained)
    images, labels = load(args.data)
    return args.job, images, labels
