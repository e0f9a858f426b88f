"""Gaussian noise with the mean and standard deviation of FGSM's perturbation (hao, tables 2, 3).

As large as the attack, but blind: what accuracy it leaves tells how much of the attack's harm is
its direction, and how much its size.
"""

from collections.abc import Sequence

import keras
import numpy as np

from mirage.attacks import fgsm, noise
from mirage.attacks.inputs import checked
from mirage.attacks.parameters.matched_noise import Parameters
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
    """Add Gaussian noise whose moments are those of FGSM's perturbation.

    Mean and standard deviation are taken over all entries of all images given. The standard
    deviation is close to epsilon where no pixel is clipped and few gradients are zero.

    Args:
        network: Model from images to logits, attacked by FGSM.
        images: Shape (n, d), any float type, pixels in 0 to 1.
        labels: True labels, shape (n,), integers from 0 on.
        parameters: FGSM's gradient, and a clip for FGSM and then for the noise.
        epsilon: L-infinity size of FGSM's perturbation, pixels lying in 0 to 1.
        seed: Seed of the noise.
        signs: Of the gradient at `images`, shape (n, d), int8, where they are known already.

    Returns:
        Noisy images in the shape and type of `images`.

    Raises:
        ValueError: Images, labels or epsilon are not what `mirage.attacks.inputs` asks for.
        NetworkError: A weight of the network is NaN or infinite.
    """
    clip = parameters.clip
    of_fgsm = fgsm.Parameters(gradient=parameters.gradient, clip=clip)
    moved = fgsm.attack(network, images, labels, of_fgsm, epsilon=epsilon, signs=signs).images
    perturbation = moved.astype(np.float64) - images
    noisy = noise.add(images, perturbation.mean(), perturbation.std(), clip, seed)
    return AttackResult(noisy)
