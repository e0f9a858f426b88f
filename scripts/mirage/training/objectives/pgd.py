"""The loss on PGD examples alone (Madry et al. 2017, arXiv 1706.06083, equation 2.1)."""

import keras
import tensorflow as tf

from mirage.attacks import ball, gradients
from mirage.training.objectives import cross_entropy


def loss(
    network: keras.Model,
    images: tf.Tensor,
    labels: tf.Tensor,
    *,
    epsilon: float,
    steps: int,
    relative_step: float,
    seed: tf.Tensor,
    gradient: str = "exact_sign",
) -> tf.Tensor:
    """Mean cross-entropy at points that projected gradient descent finds in the ball.

    The inner maximization starts at a random point of the L-infinity ball and takes steps along
    the sign of the gradient, pixels kept in 0 to 1; the examples are made anew from the current
    weights in every step of training, and no gradient flows through their making.

    Args:
        network: Model from images to logits.
        images: Shape (n, d), in the network's type.
        labels: Shape (n,), int32.
        epsilon: Radius of the ball, as text or number, pixels lying in 0 to 1.
        steps: Steps of the inner maximization (40 in Madry et al. 2017, section 4).
        relative_step: Length of a step as a share of epsilon (0.01/0.3 there).
        seed: Seed of the random starts, shape (2,), int32.
        gradient: A name in `mirage.attacks.gradients.LOSSES`.

    Returns:
        A scalar in nats.
    """
    radius = tf.constant(float(epsilon), images.dtype)
    noise = tf.random.stateless_uniform(tf.shape(images), seed, -1, 1, images.dtype)
    moved = tf.clip_by_value(images + radius * noise, 0, 1)
    for _ in range(steps):
        slope = gradients.of_images(network, moved, labels, gradient, images.shape[0])
        moved = moved + relative_step * radius * ball.steepest(slope, "linf")
        moved = ball.project(moved, images, radius, "linf", (0, 1))
    return cross_entropy.loss(network, tf.stop_gradient(moved), labels)
