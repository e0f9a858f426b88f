"""The ball around an image in the L-infinity and the L2 norm, as TensorFlow operations.

`norm` is `linf` or `l2`; images have the shape (n, d).
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf


def steepest(slope: tf.Tensor, norm: str) -> tf.Tensor:
    """The step of length 1 in `norm` along which a function with this gradient rises most.

    Its sign in L-infinity, the gradient over its length in L2. A gradient that is zero, or not a
    number, gives no step.
    """
    slope = tf.where(tf.math.is_nan(slope), tf.zeros_like(slope), slope)
    if norm == "linf":
        return tf.sign(slope)
    # Scaled by its largest entry first: squares of small entries would underflow.
    largest = tf.reduce_max(tf.abs(slope), axis=1, keepdims=True)
    scaled = tf.math.divide_no_nan(slope, largest)
    return tf.math.divide_no_nan(scaled, tf.norm(scaled, axis=1, keepdims=True))


def project(
    moved: tf.Tensor,
    images: tf.Tensor,
    radius: tf.Tensor,
    norm: str,
    clip: Sequence[float] | None = None,
) -> tf.Tensor:
    """The point of the ball around `images` that is nearest to `moved`, pixels within `clip`.

    Clipping afterwards does not leave the ball, since the image itself lies within `clip`.
    """
    if norm == "linf":
        inside = tf.clip_by_value(moved, images - radius, images + radius)
    else:
        way = moved - images
        length = tf.norm(way, axis=1, keepdims=True)
        inside = images + way * tf.minimum(tf.math.divide_no_nan(radius, length), 1)
        inside = tf.where(length > radius, inside, moved)
    return inside if clip is None else tf.clip_by_value(inside, *clip)


def random(images: np.ndarray, radius: float, norm: str, seed: Sequence[int]) -> np.ndarray:
    """Perturbations drawn uniformly from the ball around zero, shape and type of `images`."""
    generator = np.random.default_rng(seed)
    if norm == "linf":
        return generator.uniform(-radius, radius, size=images.shape).astype(images.dtype)
    # A uniform direction, and a radius whose d-th power is uniform.
    way = generator.normal(size=images.shape)
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    share = generator.uniform(size=(len(images), 1)) ** (1 / images.shape[1])
    return (radius * share * way).astype(images.dtype)
