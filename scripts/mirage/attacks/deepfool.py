"""DeepFool, the nearest linearised boundary (Moosavi-Dezfooli et al. 2016, arXiv 1511.04599)."""

import functools
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from mirage.attacks import ball
from mirage.attacks.inputs import checked
from mirage.attacks.parameters.deepfool import Parameters
from mirage.attacks.result import AttackResult
from mirage.models import networks

# Images attacked at once: more gain no speed, and cost a convolutional network much memory.
BATCH = 1000

# What every step goes beyond its boundary, in `norm`, as in the authors' code: where two logits
# are equal, which is common in half precision, the step itself has the length 0.
BEYOND = 1e-4


@checked
def attack(
    network: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    parameters: Parameters,
    **_: object,
) -> AttackResult:
    """The sum of steps to the nearest linearised boundary, until the network's answer changes.

    With z the logits, k0 the class the network gives the clean image, f_k = z_k - z_k0 and
    w_k = grad f_k at the point reached, a step goes to the nearest of the boundaries
    f_k + w_k^T r = 0: in L2 r = |f_l| / ||w_l||_2^2 w_l with l = argmin |f_k| / ||w_k||_2
    (Algorithm 2), in L-infinity r = |f_l| / ||w_l||_1 sign(w_l) with l = argmin |f_k| / ||w_k||_1
    (section 3.3). The point that is tested, linearised anew and returned is
    x + (1 + overshoot) * (sum of the steps). With `binary` this is Algorithm 1: only
    f = z_k0 - z_k1 counts, k1 being the runner-up at the clean image, and the attack ends when the
    sign of f changes.

    Args:
        network: Model from images to logits; gradients are computed in its type.
        images: Shape (n, d), any float type, pixels in 0 to 1.
        labels: Not used: the answer to be changed is the network's own, right or wrong.
        parameters: Those of DeepFool. The points tested and those returned are clipped.

    Returns:
        Adversarial images in the shape and type of `images`, and the steps that each took.

    Raises:
        ValueError: Images or labels are not what `mirage.attacks.inputs` asks for.
        NetworkError: A weight of the network is NaN or infinite.
    """
    binary, norm = parameters.binary, parameters.norm
    considered = 2 if binary else min(parameters.candidates, network.output_shape[-1])
    search = _search(network, norm, binary, considered, parameters.clip)
    sizes = (parameters.overshoot, parameters.scale, parameters.iterations)
    moved, taken = np.empty_like(images), np.empty(len(images), np.int32)
    for start in range(0, len(images), BATCH):
        part = slice(start, start + BATCH)
        found = search(tf.constant(images[part]), *sizes)
        moved[part], taken[part] = (tensor.numpy() for tensor in found)
    return AttackResult(moved, taken)


@functools.lru_cache(maxsize=4)
def _search(
    network: keras.Model, norm: str, binary: bool, candidates: int, clip: tuple | None
) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    """All steps as one graph: images, overshoot, scale, iterations -> images, steps taken."""
    own_type = networks.dtype_of(network)

    def nearest(points: tf.Tensor, classes: tf.Tensor, work: tf.DType) -> tf.Tensor:
        """The step to the nearest linearised boundary, shape (m, d), in the type `work`."""
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(points)
            logits = network(points, training=False)
        depth, kind = logits.shape[-1], logits.dtype
        # Logits are subtracted in their own type, where the network compares them.
        value = tf.gather(logits, classes, batch_dims=1)
        value = tf.abs(tf.cast(value - value[:, :1], work))
        own = tf.one_hot(classes[:, 0], depth, dtype=kind)
        # One pass forward, then one pass back for each candidate with the nearest so far kept:
        # cheaper than the Jacobian of all logits, and never more than two gradients in memory.
        distance = tf.fill(tf.shape(value)[:1], tf.constant(np.inf, work))
        slope = tf.zeros(tf.shape(points), work)
        for candidate in range(1, candidates):
            towards = tf.one_hot(classes[:, candidate], depth, dtype=kind) - own
            other = tf.cast(tape.gradient(logits, points, output_gradients=towards), work)
            # The dual norm: by how much f rises with a step of length 1.
            size = tf.norm(other, ord=2 if norm == "l2" else 1, axis=1)
            # No boundary lies along a gradient that is 0, infinite or not a number.
            usable = (size > 0) & tf.math.is_finite(size)
            away = tf.where(usable, value[:, candidate] / tf.where(usable, size, 1), np.inf)
            nearer = away < distance
            distance = tf.where(nearer, away, distance)
            slope = tf.where(nearer[:, tf.newaxis], other, slope)
        length = tf.where(tf.math.is_finite(distance), distance + BEYOND, 0)
        return length[:, tf.newaxis] * ball.steepest(slope, norm)

    @tf.function(reduce_retracing=True)
    def search(images, overshoot, scale, iterations):
        # Steps are added up in float32 at least; the points themselves have the type of the
        # images, so that rounding what is returned cannot undo what was tested.
        work = tf.float64 if tf.float64 in (images.dtype, own_type) else tf.float32
        clean = tf.cast(images, work)

        def point(start, total, factor):
            moved = start + tf.cast(factor, work) * total
            moved = moved if clip is None else tf.clip_by_value(moved, *clip)
            return tf.cast(moved, images.dtype)

        def unmoved(points, classes):
            """Whether the class is still the one of the clean image, shape (m,)."""
            logits = network(tf.cast(points, own_type), training=False)
            if binary:
                pair = tf.gather(logits, classes, batch_dims=1)
                return pair[:, 1] <= pair[:, 0]
            return tf.argmax(logits, axis=1, output_type=tf.int32) == classes[:, 0]

        logits = network(tf.cast(images, own_type), training=False)
        _, classes = tf.math.top_k(logits, candidates)
        count = tf.shape(images)[0]

        def step(number, active, total, taken):
            start, reached, ranks = (
                tf.gather(tensor, active) for tensor in (clean, total, classes)
            )
            points = point(start, reached, 1 + overshoot)
            reached += nearest(tf.cast(points, own_type), ranks, work)
            rows = active[:, tf.newaxis]
            total = tf.tensor_scatter_nd_update(total, rows, reached)
            taken = tf.tensor_scatter_nd_add(taken, rows, tf.ones_like(active))
            # Only images that still have their class go on, so that the work shrinks.
            left = unmoved(point(start, reached, 1 + overshoot), ranks)
            return number + 1, tf.boolean_mask(active, left), total, taken

        _, _, total, taken = tf.while_loop(
            lambda number, active, *_: (number < iterations) & (tf.size(active) > 0),
            step,
            (tf.constant(0), tf.range(count), tf.zeros_like(clean), tf.zeros([count], tf.int32)),
            shape_invariants=(
                tf.TensorShape([]),
                tf.TensorShape([None]),
                clean.shape,
                tf.TensorShape([None]),
            ),
        )
        moved = point(clean, total, 1 + overshoot)
        # Of a clipped point the perturbation left is what is enlarged.
        return point(clean, tf.cast(moved, work) - clean, scale), taken

    return search
