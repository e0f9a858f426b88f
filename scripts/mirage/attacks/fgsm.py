"""Fast Gradient Sign Method (Goodfellow et al. 2014, arXiv 1412.6572, section 4)."""

from collections.abc import Sequence

import keras
import numpy as np

from mirage.attacks import gradients
from mirage.attacks.inputs import checked
from mirage.attacks.parameters.fgsm import Parameters
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
    signs: np.ndarray | None = None,
) -> AttackResult:
    """x + epsilon * sign(gradient of the loss at x) (Goodfellow et al. 2014, section 4).

    Args:
        network: Model from images to logits; the gradient is computed in its type.
        images: Shape (n, d), any float type, pixels in 0 to 1.
        labels: True labels, shape (n,), integers from 0 on.
        parameters: Those of FGSM. yue2017 does not clip. `labels` says whose loss is followed; that
            of the least likely class is stepped down. `mixed` says that it is the training loss of
            yue2017 (`mirage.attacks.gradients.signs`).
        epsilon: L-infinity size of the perturbation, pixels lying in 0 to 1.
        seed: Seed of the random signs that fill zeros.
        signs: Of the gradient followed at `images` (`mirage.attacks.gradients.signs`), shape
            (n, d), int8, where they are known already.

    Returns:
        Adversarial images in the shape and type of `images`.

    Raises:
        ValueError: Images, labels or epsilon are not what `mirage.attacks.inputs` asks for.
        NetworkError: A weight of the network is NaN or infinite.
    """
    if signs is None:
        signs = gradients.signs(network, images, labels, parameters)
    if parameters.fill_zeros:
        random = np.random.default_rng(seed).integers(0, 2, size=signs.shape, dtype=np.int8)
        signs = np.where(signs == 0, 2 * random - 1, signs)
    # In place: fresh memory costs more here than the arithmetic.
    moved = signs.astype(images.dtype)
    moved *= images.dtype.type(epsilon)
    moved += images
    if parameters.clip:
        np.clip(moved, *np.asarray(parameters.clip, moved.dtype), out=moved)
    return AttackResult(moved)
