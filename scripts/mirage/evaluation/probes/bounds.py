"""Certified accuracy: the share of images that provably no perturbation of a size misleads.

Source: Zhang et al. 2018, arXiv 1811.00866 (CROWN); exact for a linear network
(`mirage.models.bounds`). It is a lower bound of the accuracy under every attack of that size.
"""

from collections.abc import Iterator, Sequence

import keras
import numpy as np

from mirage.models import bounds

# How often the interval in which the largest epsilon lies is halved: to 0.001.
HALVINGS = 10


def measure(
    network: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    seed: Sequence[int],
    epsilons: Sequence[str],
    clip: Sequence[float] | None = None,
) -> Iterator[tuple[str, float]]:
    """Share of images that are read rightly and provably stay so in the whole ball.

    Args:
        network: Fully connected with ReLU; the bound is computed in float64.
        images: Shape (n, d), pixels in 0 to 1.
        labels: Shape (n,).
        seed: Not used.
        epsilons: Radii in L-infinity, as text.
        clip: Least and largest pixel of a perturbed image; None where it may leave 0 to 1, a larger
            ball.

    Yields:
        By epsilon the share, in 0 to 1. Then `largest`: the largest epsilon, to 0.001, at which any
        image is certified, below which the bound says something.

    Raises:
        NetworkError: The network is not fully connected.
    """
    weights = bounds.layers(network)

    def certified(epsilon: float) -> float:
        return float((bounds.margins(weights, images, labels, epsilon, clip) > 0).mean())

    for epsilon in epsilons:
        yield epsilon, certified(float(epsilon))
    least, most = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (least + most) / 2
        least, most = (middle, most) if certified(middle) else (least, middle)
    yield "largest", least
