"""Cross-entropy averaged over the batch, at a temperature."""

import keras
import tensorflow as tf

from mirage.attacks import gradients


def loss(
    network: keras.Model, images: tf.Tensor, labels: tf.Tensor, *, temperature: float = 1.0
) -> tf.Tensor:
    """Mean cross-entropy of softmax(z / temperature), z the logits; a scalar in nats.

    Args:
        network: Model from images to logits.
        images: Shape (n, d), in the network's type.
        labels: Shape (n,), int32.
        temperature: Above 0; as a teacher is trained for distillation (Papernot et al. 2016,
            arXiv 1511.04508, section IV).
    """
    logits = network(images, training=True)
    if temperature != 1:
        logits = logits / temperature
    return tf.reduce_mean(gradients.cross_entropy(logits, labels))
