"""Measurements of a network that are no attack, each a module that is asked for by name.

A module `mirage.evaluation.probes.METHOD` has a function

    measure(network, images, labels, *, seed, **parameters) -> Iterator[tuple[str, float]]

It is given a Keras model from flat images to logits, images of shape (n, d) in the network's type
with pixels in 0 to 1, labels of shape (n,), and the seed of what it draws at random. It yields
items and their values. Its other keywords are the parameters of `mirage.study.model_probes`.
"""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from mirage.attacks import inputs
from mirage.data.images import as_float
from mirage.models import networks
from mirage.models.checkpoints import load, load_weights


def probe(
    checkpoints: Sequence[Path],
    images: np.ndarray,
    labels: np.ndarray,
    *,
    method: str,
    parameters: Mapping,
    seeds: Sequence[Sequence[int]],
) -> Iterator[list[tuple[str, float]]]:
    """Take one probe of each of some checkpoints.

    Args:
        checkpoints: `.keras` files of one architecture.
        images: Shape (n, height, width, ...), uint8.
        labels: Shape (n,), integers from 0 on.
        method: A module of `mirage.evaluation.probes`.
        parameters: The probe's own.
        seeds: For each checkpoint the seed of what is drawn at random.

    Yields:
        For each checkpoint the items and their values.

    Raises:
        NetworkError: A checkpoint cannot be read, has weights that are NaN or infinite, or is of a
            network that the probe does not know; the message names it.
        DataError: Images or labels are not what `mirage.attacks.inputs.check_split` asks for.
    """
    measure = importlib.import_module(f"{__name__}.{method}").measure
    network = load(checkpoints[0])
    inputs.check_split(network, images, labels)
    pixels = as_float(images, networks.dtype_of(network))
    for checkpoint, seed in zip(checkpoints, seeds, strict=True):
        load_weights(network, checkpoint)
        yield list(measure(network, pixels, labels, seed=seed, **parameters))
