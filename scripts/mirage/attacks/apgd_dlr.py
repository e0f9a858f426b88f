"""Auto-PGD on the difference of logits ratio (Croce and Hein 2020, arXiv 2003.01690)."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from mirage.attacks import apgd
from mirage.attacks.inputs import checked
from mirage.attacks.parameters.apgd_dlr import Parameters
from mirage.attacks.result import AttackResult
from mirage.models.networks import NetworkError


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
    """Auto-PGD on `dlr`, see `mirage.attacks.apgd.ascend`.

    Args:
        network: Model from images to logits of at least 3 classes.
        images, labels, parameters, epsilon, seed: As in `mirage.attacks.apgd.attack`.

    Returns:
        Adversarial images in the shape and type of `images`.

    Raises:
        ValueError: Images, labels or epsilon are not what `mirage.attacks.inputs` asks for.
        NetworkError: The network has fewer than 3 classes, or a weight that is NaN or infinite.
    """
    if (classes := network.output_shape[-1]) < 3:
        raise NetworkError(
            f"network {network.name!r}: it has {classes} classes. The attack apgd_dlr needs at "
            "least 3, since its loss is a ratio to the third largest logit; take apgd."
        )
    judge = apgd.judging(network, dlr)
    return AttackResult(apgd.ascend(judge, images, labels, parameters, epsilon=epsilon, seed=seed))


def dlr(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Difference of logits ratio, shape (n,), from logits (n, at least 3) (equation 6).

    -(z_y - max_{i != y} z_i) / (z_1st - z_3rd), which no factor of the logits changes: the gradient
    of a confident network does not vanish. It lies in -1 to 1 where y is among the three largest
    logits. Where the three largest are equal, as happens in half precision, it is divided by 1.
    """
    own = tf.gather(logits, labels, axis=-1, batch_dims=1)
    true = tf.one_hot(labels, logits.shape[-1], on_value=True, off_value=False, dtype=tf.bool)
    other = tf.reduce_max(tf.where(true, tf.constant(-np.inf, logits.dtype), logits), axis=-1)
    largest = tf.math.top_k(logits, 3).values
    gap = largest[:, 0] - largest[:, 2]
    return (other - own) / tf.where(gap > 0, gap, tf.ones_like(gap))
