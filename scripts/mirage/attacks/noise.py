"""Gaussian noise: no attack at all, but what one is held against (hao, figure 6)."""

from collections.abc import Sequence

import keras
import numpy as np

from mirage.attacks.inputs import checked
from mirage.attacks.parameters.noise import Parameters
from mirage.attacks.result import AttackResult


@checked
def attack(
    network: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    parameters: Parameters,
    *,
    epsilon: float,
    seed: Sequence[int] = (0,),
    **_: object,
) -> AttackResult:
    """Add independent Gaussian noise of mean 0 and standard deviation epsilon to every pixel.

    A seed draws the same noise for every epsilon, but for its size.

    Args:
        network: Not looked at, nor are the labels.
        images: Shape (n, d), any float type, pixels in 0 to 1.
        labels: Shape (n,).
        parameters: Whether pixels are clipped.
        epsilon: Standard deviation, at least 0, pixels lying in 0 to 1.
        seed: Seed of the noise.

    Returns:
        Noisy images in the shape and type of `images`.

    Raises:
        ValueError: Images, labels or epsilon are not what `mirage.attacks.inputs` asks for.
        NetworkError: A weight of the network is NaN or infinite.
    """
    return AttackResult(add(images, 0.0, epsilon, parameters.clip, seed))


def add(
    images: np.ndarray,
    mean: float,
    deviation: float,
    clip: Sequence[float] | None,
    seed: Sequence[int],
) -> np.ndarray:
    """Images (n, d) with Gaussian noise of this mean and standard deviation, in their type."""
    drawn = np.random.default_rng(seed).standard_normal(images.shape)
    moved = images + (mean + deviation * drawn).astype(images.dtype)
    return moved if clip is None else np.clip(moved, *clip).astype(images.dtype)
