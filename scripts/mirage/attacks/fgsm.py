"""Fast Gradient Sign Method (Goodfellow et al. 2014, arXiv 1412.6572, section 4)."""

from collections.abc import Sequence

import keras
import numpy as np

from mirage.attacks import gradients
from mirage.attacks.inputs import checked

ONE_STEP = True  # one gradient serves all epsilons


@checked
def attack(
    network: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    epsilon: float,
    gradient: str,
    clip: Sequence[float] | None = None,
    fill_zeros: bool = False,
    seed: Sequence[int] = (0,),
    signs: np.ndarray | None = None,
) -> np.ndarray:
    """x + epsilon * sign(gradient of the loss at x) (Goodfellow et al. 2014, section 4).

    Args:
        network: Model from images to logits; the gradient is computed in its type.
        images: Shape (n, 784), any float type, pixels in 0 to 1.
        labels: True labels, shape (n,), integers 0 to 9.
        epsilon: L-infinity size of the perturbation, pixels lying in 0 to 1.
        gradient: A name in `mirage.attacks.gradients.LOSSES`.
        clip: Smallest and largest pixel allowed; None, as in yue2017, for no clipping.
        fill_zeros: Step by a random -1 or +1 where the gradient is 0 (yue2017, appendix A).
        seed: Seed of these random signs.
        signs: Of the gradient at `images` (`mirage.attacks.gradients.sign`), shape (n, 784), int8,
            where they are known already.

    Returns:
        Adversarial images in the shape and type of `images`.

    Raises:
        ValueError: Images, labels or epsilon are not what `mirage.attacks.inputs` asks for.
        NetworkError: A weight of the network is NaN or infinite.
    """
    if signs is None:
        signs = gradients.sign(gradients.input_gradient(network, images, labels, gradient))
    if fill_zeros:
        random = np.random.default_rng(seed).integers(0, 2, size=signs.shape, dtype=np.int8)
        signs = np.where(signs == 0, 2 * random - 1, signs)
    # In place: fresh memory costs more here than the arithmetic.
    moved = signs.astype(images.dtype)
    moved *= images.dtype.type(epsilon)
    moved += images
    return moved if clip is None else np.clip(moved, *np.asarray(clip, moved.dtype), out=moved)
