"""What common ways to ask would report for one and the same model.

Each is a gradient by the definition of a library, followed by one step of its sign. The packages
themselves are compared in tests/peers.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from mirage.attacks import gradients
from mirage.auditing import slopes
from mirage.auditing.findings import Eye
from mirage.auditing.known import remembered
from mirage.auditing.network import Subject
from mirage.auditing.statistics import share
from mirage.models import networks

_CROSS_ENTROPY = "tf.nn.sparse_softmax_cross_entropy_with_logits of the logits"
_TWICE = "tf.nn.sparse_softmax_cross_entropy_with_logits of the probabilities: two softmaxes"
_KERAS = "keras.losses.{} of the model's output, which may find the logits that it came from"
_CLIPPED = "keras.losses of a probability without a past: clipped to 1e-7 ... 1 - 1e-7"

# Who asks -> which gradient.
WAYS = {
    "Keras' loss on the model's output": "output",
    "Keras' loss after any operation on the probabilities": "clipped",
    "ART TensorFlowV2Classifier, the model's output": "output",
    "ART TensorFlowV2Classifier, logits": "logits",
    "CleverHans, logits": "logits",
    "CleverHans, probabilities": "twice",
    "Foolbox, logits": "logits",
    "Foolbox, probabilities": "twice",
    "exact sign": "exact",
}


def measure(
    subject: Subject, images: np.ndarray, labels: np.ndarray, *, epsilon: float
) -> tuple[Eye, ...]:
    """Accuracy under one step, for each way to ask, in L-infinity.

    ART takes the loss that it is given, here Keras' (`SparseCategoricalCrossentropy`); CleverHans
    and Foolbox take TensorFlow's cross-entropy of whatever the model gives, so that probabilities
    go through a second softmax. Keras clips probabilities unless it finds the logits that they
    came from, which any operation after the softmax hides. Means over a batch are left out: they
    divide all of a gradient, and change a sign only where that underflows.

    Args:
        subject: What is audited.
        images: Shape (n, d), in 0 to 1.
        labels: Shape (n,), integers.
        epsilon: Size of the step, pixels lying in 0 to 1.
    """
    found = {}
    for kind in dict.fromkeys(WAYS.values()):
        way = gradients.sign(_slope(subject, images, labels, kind))
        found[kind] = share(slopes.right(subject, slopes.moved(images, way, epsilon), labels))
    texts = {
        "output": _KERAS.format(_loss_of(subject)[0]),
        "clipped": _CLIPPED,
        "logits": _CROSS_ENTROPY,
        "twice": _TWICE,
        "exact": "the log-odds' gradient in float64: the sign in exact arithmetic",
    }
    return tuple(Eye(name, epsilon, found[kind], texts[kind]) for name, kind in WAYS.items())


@remembered
def _slope(subject: Subject, images: np.ndarray, labels: np.ndarray, kind: str) -> np.ndarray:
    if kind in ("exact", "logits"):
        which = slopes.EXACT if kind == "exact" else slopes.PLAIN
        return slopes.slope(subject, images, labels, which)
    if slopes.gradient_fault(subject):
        return np.zeros_like(images)
    each = {"output": _of_output, "clipped": _clipped, "twice": _twice}[kind]
    dtype = networks.dtype_of(subject.network)
    parts = []
    for part in slopes.batches(subject, len(images)):
        pixels, classes = tf.cast(images[part], dtype), tf.constant(labels[part], tf.int32)
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            loss = tf.reduce_sum(each(subject, pixels, classes))
        parts.append(tape.gradient(loss, pixels).numpy())
    return np.concatenate(parts)


def _loss_of(subject: Subject) -> tuple[str, Callable]:
    """Keras' loss for the output of a model, its name and the function of labels and output."""
    losses = keras.losses
    given = subject.output.kind in ("logits", "sigmoid logit")
    if subject.model.outputs[0].shape[-1] == 1:
        return "binary_crossentropy", lambda labels, output: losses.binary_crossentropy(
            tf.cast(labels[:, tf.newaxis], output.dtype), output, from_logits=given
        )
    # The cross-entropy of log-probabilities, taken as logits, is their own.
    given = given or subject.output.kind == "log-softmax"
    return (
        "sparse_categorical_crossentropy",
        lambda labels, output: losses.sparse_categorical_crossentropy(
            labels, output, from_logits=given
        ),
    )


def _of_output(subject: Subject, pixels: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    found = subject.range
    shaped = tf.reshape(pixels, (-1, *subject.shape))
    if (found.low, found.high) != (0, 1):
        shaped = shaped * (found.high - found.low) + found.low
    return _loss_of(subject)[1](labels, subject.model(shaped, training=False))


def _clipped(subject: Subject, pixels: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    output = tf.identity(tf.nn.softmax(subject.network(pixels, training=False)))
    # Keras looks for the operation that made its argument.
    return keras.losses.sparse_categorical_crossentropy(labels, output)


def _twice(subject: Subject, pixels: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    probabilities = tf.nn.softmax(subject.network(pixels, training=False))
    return gradients.cross_entropy(probabilities, labels)
