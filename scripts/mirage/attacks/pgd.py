"""Projected gradient descent in the L-infinity ball (Madry et al. 2017, arXiv 1706.06083)."""

from collections.abc import Sequence

import keras
import numpy as np

from mirage import gradients
from mirage.attacks import ball


def attack(
    network: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    epsilon: float,
    gradient: str = "exact_sign",
    steps: int = 40,
    relative_step: float = 0.1,
    random_start: bool = True,
    clip: Sequence[float] | None = None,
    seed: Sequence[int] = (0,),
) -> np.ndarray:
    """Repeated steps along the sign of the gradient, each projected back into the ball.

    Args:
        network: Model from images to logits; gradients are computed in its type.
        images: Shape (n, 784), any float type.
        labels: True labels, shape (n,), integers 0 to 9.
        epsilon: Radius of the ball, pixels lying in 0 to 1.
        gradient: A name in `mirage.gradients.LOSSES`.
        steps: Number of steps, at least 1.
        relative_step: Length of a step as a share of epsilon.
        random_start: Start at a uniformly random point of the ball, else at the image. Without
            it this is the basic iterative method (Kurakin et al. 2016, arXiv 1607.02533).
        clip: Smallest and largest pixel allowed, or None.
        seed: Seed of the random start.

    Returns:
        Adversarial images in the shape and type of `images`.
    """
    moved = images
    if random_start:
        noise = np.random.default_rng(seed).uniform(-epsilon, epsilon, size=images.shape)
        moved = ball.project(images + noise.astype(images.dtype), images, epsilon, clip)
    for _ in range(steps):
        slope = gradients.input_gradient(network, moved, labels, gradient)
        moved = ball.step(moved, gradients.sign(slope), relative_step * epsilon)
        moved = ball.project(moved, images, epsilon, clip)
    return moved
