"""Gradients of a subject, plain and exact, and one step along them."""

import contextlib
import functools
import math
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from mirage.attacks import ball, gradients
from mirage.auditing.known import remembered
from mirage.auditing.network import Subject
from mirage.models import measures, networks

# Values of all layers that a batch may have, at 8 bytes each: 128 MiB, and as much for the way
# back.
VALUES = 2**24
LARGEST = 1_000  # images of a batch
PLAIN, EXACT = "plain", "exact"
LOSSES = {PLAIN: "cross_entropy_sum", EXACT: "exact_sign"}


def gradient_fault(subject: Subject) -> str:
    """Why there is no gradient of the logits with respect to an image; empty where there is one."""
    return _fault(subject.network)


# Of a network alone: it does not change with the images.
@functools.lru_cache(maxsize=4)
def _fault(network: keras.Model) -> str:
    image = tf.zeros((1, network.input_shape[1]), networks.dtype_of(network))
    try:
        with tf.GradientTape() as tape:
            tape.watch(image)
            logits = network(image, training=False)
        found = tape.gradient(logits, image)
    except (LookupError, tf.errors.OpError, TypeError, ValueError) as error:
        return (str(error).strip() or type(error).__name__).splitlines()[0]
    return "the logits are not connected to the image" if found is None else ""


@remembered
def network_of(subject: Subject, kind: str) -> keras.Model:
    """The network that attacks look at.

    Where it has no gradient they are given zeros, so that they run, and find nothing.

    Args:
        subject: What is audited.
        kind: `plain`, in the model's own type; `exact`, in float64, or in its own where it cannot
            be computed in float64.
    """
    network = subject.network if kind == PLAIN or subject.wide is None else subject.wide
    if not gradient_fault(subject):
        return network
    pixels = network.inputs[0]
    nothing = 0 * keras.ops.sum(pixels, axis=1, keepdims=True)
    outputs = keras.ops.stop_gradient(network.outputs[0]) + nothing
    return keras.Model(pixels, outputs, name=network.name)


def climbing(subject: Subject) -> keras.Model:
    """The network that attacks of many steps look at: in the model's type, but in no half one.

    The direction that the last layer gives is exact in it, and float64 takes twice the time.
    """
    wide = subject.wide is not None and networks.dtype_of(subject.network).endswith("16")
    return network_of(subject, EXACT if wide else PLAIN)


def batches(subject: Subject, count: int) -> Iterator[slice]:
    """Slices that cover `count` images, each of as many as memory allows."""
    size = _size(subject)
    return (slice(start, start + size) for start in range(0, count, size))


@remembered
def _size(subject: Subject) -> int:
    values = subject.images.shape[1]
    for layer in subject.network._flatten_layers():
        with contextlib.suppress(AttributeError, ValueError):  # several outputs, or used repeatedly
            values += math.prod(size for size in layer.output.shape if size)
    return max(1, min(LARGEST, VALUES // values))


def logits(subject: Subject, images: np.ndarray) -> np.ndarray:
    """Logits of the model in its own type, shape (n, classes), of any number of images (n, d)."""
    parts = [
        gradients.logits(subject.network, images[part]) for part in batches(subject, len(images))
    ]
    return np.concatenate(parts) if parts else np.zeros((0, subject.classes))


def right(subject: Subject, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether the model classifies each image rightly, shape (n,), bool; NaN is wrong."""
    return measures.classes(logits(subject, images)) == labels


def slope(subject: Subject, images: np.ndarray, labels: np.ndarray, kind: str) -> np.ndarray:
    """Gradient of the cross-entropy in the model's type, or the exact one, shape (n, d).

    The exact one is that of the log-odds u in float64: the cross-entropy's is sigmoid(u) > 0 times
    as much (`mirage.attacks.gradients`).

    Args:
        subject: What is audited.
        images: Shape (n, d), in 0 to 1.
        labels: Shape (n,), integers.
        kind: `plain` or `exact`.
    """
    network = network_of(subject, kind)
    parts = [
        gradients.input_gradient(network, images[part], labels[part], LOSSES[kind])
        for part in batches(subject, len(images))
    ]
    return np.concatenate(parts)


@remembered
def direction(
    subject: Subject, images: np.ndarray, labels: np.ndarray, kind: str, norm: str
) -> np.ndarray:
    """The step of length 1 that one-step attacks make: signs as int8, or unit vectors in L2.

    Arguments as in `slope`; `norm` is `linf` or `l2`.
    """
    found = slope(subject, images, labels, kind)
    if norm == "linf":
        return gradients.sign(found)
    return ball.steepest(tf.constant(found), norm).numpy().astype(images.dtype)


def moved(images: np.ndarray, way: np.ndarray, epsilon: float) -> np.ndarray:
    """Images a step of length epsilon further, clipped to 0 to 1, in their type."""
    step = way.astype(images.dtype)
    step *= images.dtype.type(epsilon)
    step += images
    return np.clip(step, 0, 1, out=step)


def stepped(
    points: np.ndarray,
    found: np.ndarray,
    center: np.ndarray,
    length: float,
    epsilon: float,
    norm: str,
) -> np.ndarray:
    """A step of projected gradient descent, pixels kept in 0 to 1 (Madry et al. 2017, section 2.1).

    Args:
        points: Where it starts, shape (n, d).
        found: The gradient there, same shape.
        center: The images themselves, same shape.
        length: Of the step, in `norm`.
        epsilon: Radius of the ball around `center`, in `norm`.
        norm: `linf` or `l2`.

    Returns:
        Shape (n, d), in the type of the points.
    """
    way = tf.cast(ball.steepest(tf.constant(found), norm), points.dtype)
    radius = tf.constant(epsilon, points.dtype)
    return ball.project(points + length * way, tf.constant(center), radius, norm, (0, 1)).numpy()


def odds(subject: Subject, images: np.ndarray, labels: np.ndarray, kind: str) -> np.ndarray:
    """The log-odds u of many versions of images.

    Args:
        subject: What is audited.
        images: Shape (m, n, d): m versions of n images.
        labels: Shape (n,), integers.
        kind: `plain`, of logits in the model's type; `exact`, in float64 where that is possible.

    Returns:
        Shape (m, n), float64.
    """
    network = network_of(subject, kind)
    flat, classes = images.reshape(-1, images.shape[-1]), np.tile(labels, len(images))
    parts = []
    for part in batches(subject, len(flat)):
        found = tf.constant(gradients.logits(network, flat[part]), tf.float64)
        parts.append(gradients.log_odds(found, tf.constant(classes[part], tf.int32)).numpy())
    return np.concatenate(parts).reshape(images.shape[:-1])
