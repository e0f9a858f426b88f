"""Cross-entropy with a penalty that keeps layers near isometries (Cisse et al. 2017)."""

import keras
import tensorflow as tf

from mirage.models import networks
from mirage.training.objectives import cross_entropy


def loss(network: keras.Model, images: tf.Tensor, labels: tf.Tensor, *, beta: float) -> tf.Tensor:
    """Mean cross-entropy and beta / 2 * sum over dense layers of ||W^T W - I||^2.

    W has the shape (inputs, outputs), the norm is Frobenius'. Source: Cisse et al. 2017, arXiv
    1704.08847, equation 5. Where a layer has more outputs than inputs, W^T W cannot be I; the
    penalty differs from that of W W^T by a constant, so that the gradient is the same. Kernels of
    convolutions are left free.

    Args:
        network: Model from images to logits.
        images: Shape (n, d), in the network's type.
        labels: Shape (n,), int32.
        beta: Weight of the penalty, at least 0.

    Returns:
        A scalar in the network's type.
    """
    penalty = 0.0
    for kernel in networks.kernels(network):
        if len(kernel.shape) == 2:
            gram = tf.matmul(kernel, kernel, transpose_a=True)
            identity = tf.eye(kernel.shape[1], dtype=gram.dtype)
            penalty += tf.reduce_sum(tf.square(gram - identity))
    return cross_entropy.loss(network, images, labels) + beta / 2 * penalty
