"""The first layer, on the way back from the logits, in which the gradient dies.

With g_in and g_out the gradients of the log-odds u with respect to what a layer takes and gives,
a layer leaves |g_in| / |g_out| of the gradient, here in the median image and in float64. Where a
sigmoid, tanh or softmax saturates, or something rounds or stops, that is nearly 0.

Source: Athalye et al. 2018 (arXiv 1802.00420), section 3 (vanishing and shattered gradients);
Glorot and Bengio 2010, on saturation by layer.
It cannot see: inside a layer that someone wrote as one; a gradient that a layer makes up.
"""

import keras
import numpy as np
import tensorflow as tf

from mirage.attacks.gradients import log_odds
from mirage.auditing.findings import Indicator
from mirage.auditing.network import Subject
from mirage.auditing.thresholds import LAYER
from mirage.models import networks

TITLE = "Where the gradient dies"
SOURCE = "Athalye et al. 2018, section 3; Glorot and Bengio 2010"
BLIND = "inside a layer that someone wrote as one"
LOOKED_AT = 50


def measure(subject: Subject, images: np.ndarray, labels: np.ndarray, **_: object) -> Indicator:
    """Red where a layer leaves less than `LAYER`."""
    images, labels = images[:LOOKED_AT], labels[:LOOKED_AT]
    left = remaining(subject.wide or subject.network, images, labels)
    numbers = {f"{number} {name}": share for number, (name, share) in enumerate(left)}
    dead = [(name, share) for name, share in left if share < LAYER]
    if dead:
        name, share = dead[0]
        light, sentence = (
            "red",
            (
                f"On the way back the gradient dies in {name!r}, which leaves {share:.1g} of it in "
                "the median image."
            ),
        )
    else:
        name, share = min(left, key=lambda one: one[1])
        light, sentence = (
            "green",
            (
                f"The gradient reaches the image: the layer that leaves least, {name!r}, leaves "
                f"{share:.2g} of it."
            ),
        )
    return Indicator("layers", TITLE, light, sentence, numbers, SOURCE, BLIND)


def remaining(
    network: keras.Model, images: np.ndarray, labels: np.ndarray
) -> list[tuple[str, float]]:
    """Name of each layer and what it leaves of the gradient, from the last layer to the first.

    Layers whose gradient of what they give is 0 already are left out, but for the median image.
    """
    pixels = tf.cast(images, networks.dtype_of(network))
    seen = []
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(pixels)
        logits = _run(network, pixels, tape, seen)
        total = tf.reduce_sum(log_odds(logits, tf.constant(labels, tf.int32)))
    found = []
    for name, taken, given in reversed(seen):
        size_in, size_out = (_length(tape, total, one, len(labels)) for one in (taken, given))
        if (alive := size_out > 0).mean() >= 0.5:
            found.append((name, float(np.median(size_in[alive] / size_out[alive]))))
    return found


def _run(network: keras.Model, inputs: tf.Tensor, tape: tf.GradientTape, seen: list) -> tf.Tensor:
    """Give a network's answer, and write down what each operation takes and gives."""

    def watched(operation: keras.Operation) -> object:
        def call(*given: object, **named: object) -> object:
            if isinstance(operation, keras.Model) and hasattr(operation, "operations"):
                return _run(operation, given[0], tape, seen)
            outputs = operation(*given, **named)
            # Of floats; and not those that hold no image.
            tensors = [
                [
                    one
                    for one in keras.tree.flatten(side)
                    if getattr(one, "dtype", tf.bool).is_floating
                ]
                for side in (given, outputs)
            ]
            for one in tensors[1]:
                tape.watch(one)  # behind an operation that has no gradient, too
            seen.append((operation.name, *tensors))
            return outputs

        return call

    graph = getattr(network, "_functional", None) or network
    return graph._run_through_graph(inputs, operation_fn=watched)


def _length(tape: tf.GradientTape, total: tf.Tensor, tensors: list, count: int) -> np.ndarray:
    """Length of the gradient with respect to tensors (n, ...), shape (n,); 0 where none is."""
    slopes = tape.gradient(total, tensors)
    squares = [
        np.square(one.numpy().astype(np.float64)).reshape(len(one), -1).sum(axis=1)
        for one in slopes
        if one is not None
    ]
    return np.sqrt(sum(squares, np.zeros(count)))
