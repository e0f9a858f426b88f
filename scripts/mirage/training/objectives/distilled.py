"""Defensive distillation (Papernot et al. 2016, arXiv 1511.04508, section IV)."""

import keras
import tensorflow as tf


def loss(
    network: keras.Model,
    images: tf.Tensor,
    labels: tf.Tensor,
    *,
    temperature: float,
    teacher: keras.Model,
) -> tf.Tensor:
    """Mean cross-entropy of the student against the answers of its teacher, in nats.

    Both are softmax(z / temperature), z being the logits; the labels are not looked at. The
    attacked network is the student at temperature 1.

    Args:
        network: The student, a model from images to logits.
        images: Shape (n, d), in the student's type.
        labels: Shape (n,), int32.
        temperature: Above 0 (20 for MNIST there).
        teacher: A model from the same images to logits; it stays as it is.

    Returns:
        A scalar in the student's type.
    """
    del labels
    logits = network(images, training=True)
    taught = tf.cast(teacher(images, training=False), logits.dtype)
    wanted = tf.stop_gradient(tf.nn.softmax(taught / temperature))
    each = tf.nn.softmax_cross_entropy_with_logits(wanted, logits / temperature)
    return tf.reduce_mean(each)
