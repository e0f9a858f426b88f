"""The L-infinity ball around an image: steps in it, and the way back into it."""

from collections.abc import Sequence

import numpy as np


def step(
    images: np.ndarray, direction: np.ndarray, epsilon: float, clip: Sequence[float] | None = None
) -> np.ndarray:
    """Move every pixel by `epsilon` along `direction`.

    Args:
        images: Shape (n, d), any float type.
        direction: Shape (n, d), entries -1, 0 or 1.
        epsilon: Length of the step in units of the pixel range 0 to 1, at least 0.
        clip: Smallest and largest pixel allowed; None leaves pixels where the step puts them.

    Returns:
        Shape and type of `images`.
    """
    moved = images + images.dtype.type(epsilon) * direction.astype(images.dtype)
    return moved if clip is None else np.clip(moved, *clip).astype(images.dtype)


def project(
    moved: np.ndarray, images: np.ndarray, epsilon: float, clip: Sequence[float] | None = None
) -> np.ndarray:
    """The point of the ball of radius `epsilon` around `images` that is nearest to `moved`.

    Shapes, types and `clip` as in `step`.
    """
    radius = images.dtype.type(epsilon)
    inside = np.clip(moved, images - radius, images + radius)
    return inside if clip is None else np.clip(inside, *clip).astype(images.dtype)
