"""Cross-entropy averaged over the batch."""

import keras
import tensorflow as tf

from mirage.attacks import gradients


def loss(network: keras.Model, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Mean cross-entropy of a batch: images (n, 784), labels (n,) int32; a scalar in nats."""
    return tf.reduce_mean(gradients.cross_entropy(network(images, training=True), labels))
