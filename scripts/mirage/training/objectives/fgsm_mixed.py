"""A mixture of the clean loss and the loss on FGSM examples (Goodfellow et al. 2014, section 6)."""

import keras
import tensorflow as tf

from mirage.attacks import gradients
from mirage.training.objectives import cross_entropy


def loss(
    network: keras.Model,
    images: tf.Tensor,
    labels: tf.Tensor,
    *,
    clean_weight: float,
    epsilon: float,
    gradient: str = "cross_entropy_mean",
) -> tf.Tensor:
    """a * J(x) + (1 - a) * J(x + epsilon * sign(grad_x J(x))), J the mean cross-entropy.

    The examples are made anew from the current weights in every step, and no gradient flows
    through their making.

    Args:
        network: Model from images to logits.
        images: Shape (n, d), in the network's type.
        labels: Shape (n,), int32.
        clean_weight: a, in 0 to 1 (0.9 in yue2017, 0.5 in Goodfellow et al. 2014).
        epsilon: L-infinity size of the perturbation, as text or number.
        gradient: A name in `mirage.attacks.gradients.LOSSES`.

    Returns:
        A scalar in nats.
    """
    slope = gradients.of_images(network, images, labels, gradient, images.shape[0])
    adversarial = tf.stop_gradient(images + float(epsilon) * tf.sign(slope))
    clean = cross_entropy.loss(network, images, labels)
    attacked = cross_entropy.loss(network, adversarial, labels)
    return clean_weight * clean + (1 - clean_weight) * attacked
