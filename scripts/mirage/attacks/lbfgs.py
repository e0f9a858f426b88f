"""Box-constrained L-BFGS (Szegedy et al. 2013, arXiv 1312.6199, section 4.1).

Every image is a problem of its own, and a batch of them is solved at once: directions, step
lengths and ends are those of each image. SciPy's L-BFGS-B solves one problem at a time, which
takes many times as long, for the images one by one as well as joined into one problem.
"""

import functools
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from mirage.attacks import gradients
from mirage.attacks.inputs import checked
from mirage.attacks.parameters.lbfgs import Parameters
from mirage.attacks.result import AttackResult
from mirage.models import networks

# Images attacked at once: few, so that their history stays in the processor's cache, and so that
# few wait for the slowest among them.
BATCH = 100

# How many pairs (step, change of the gradient) stand for the Hessian.
HISTORY = 5

# What the weight is multiplied or divided by until one that misleads and one that does not are
# known; from there on their geometric mean is tried.
WIDENING = 10.0

# A step is taken that lowers the objective by this share of what its slope promises (Armijo's
# rule), and is halved until it does, at most so often.
SUFFICIENT = 1e-4
HALVINGS = 15

# An image whose objective falls by less than this share in one step has arrived.
TOLERANCE = 1e-4


@checked
def attack(
    network: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    parameters: Parameters,
    **_: object,
) -> AttackResult:
    """The shortest perturbation found, in L2, that makes the network answer a target class.

    For a weight c > 0 the minimum over r of c ||r||_2^2 + cross-entropy(x + r, target) is sought,
    all pixels of x + r within `clip`. The larger c, the shorter r: a search finds, for each
    image, the largest c at whose minimum the network answers the target. Szegedy et al. write
    c |r|; its square has the same minima at other c, and a gradient at r = 0 too.

    Args:
        network: Model from images to logits; gradients are computed in its type.
        images: Shape (n, d), any float type, pixels in 0 to 1.
        labels: Not used: the answer to be changed is the network's own, right or wrong.
        parameters: Those of L-BFGS; `initial_weight` is the first c.

    Returns:
        Adversarial images in the shape and type of `images`, the clean image where the target was
        not reached; the steps taken at all weights together; whether the target was reached, and
        which it was.

    Raises:
        ValueError: Images or labels are not what `mirage.attacks.inputs` asks for.
        NetworkError: A weight of the network is NaN or infinite.
    """
    minimise = _minimise(network, parameters.iterations, *parameters.clip or (-np.inf, np.inf))
    work = np.float64 if "float64" in (images.dtype, networks.dtype_of(network)) else np.float32
    moved = images.copy()
    success = np.zeros(len(images), bool)
    taken, targets = np.zeros((2, len(images)), np.int32)
    for first in range(0, len(images), BATCH):
        part = slice(first, first + BATCH)
        clean = images[part].astype(work)
        logits = gradients.logits(network, images[part]).astype(np.float64)
        # Stable, so that among equal logits the first is the network's answer, as for argmax.
        classes = np.argsort(-logits, axis=1, kind="stable").astype(np.int32)
        goal = classes[:, 1 if parameters.target == "runner_up" else -1]
        targets[part] = goal
        weight = np.full(len(clean), parameters.initial_weight, work)
        misleading, harmless = np.zeros_like(weight), np.full_like(weight, np.inf)
        shortest, reached = np.full_like(weight, np.inf), clean
        for _ in range(parameters.search_steps):
            found = minimise(clean, reached, weight, goal)
            reached, steps = (tensor.numpy() for tensor in found)
            taken[part] += steps
            # What is returned is what is tested: the point in the type of the images.
            points = reached.astype(images.dtype)
            misled = gradients.logits(network, points).argmax(axis=1) == goal
            length = np.linalg.norm(points.astype(work) - clean, axis=1)
            better = misled & (length < shortest)
            shortest = np.where(better, length, shortest)
            moved[part][better] = points[better]
            misleading = np.where(misled, np.maximum(misleading, weight), misleading)
            harmless = np.where(misled, harmless, np.minimum(harmless, weight))
            weight = _next(misleading, harmless)
        success[part] = np.isfinite(shortest)
    return AttackResult(moved, taken, success, targets)


def _next(misleading: np.ndarray, harmless: np.ndarray) -> np.ndarray:
    """The weights to try after the largest that misled (or 0) and the smallest that did not."""
    # The two are in order of size, or nearly so: a minimum found is not always the lowest.
    return np.where(
        np.isinf(harmless),
        misleading * WIDENING,
        np.where(misleading == 0, harmless / WIDENING, np.sqrt(misleading) * np.sqrt(harmless)),
    )


@functools.lru_cache(maxsize=4)
def _minimise(
    network: keras.Model, iterations: int, lowest: float, highest: float
) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    """One search of all minima as a graph: images, start, weights, targets -> points, steps.

    L-BFGS within bounds by two-metric projection (Bertsekas 1982, SIAM J. Control Optim. 20):
    pixels that stand at a bound and would be pushed beyond it are held, the others take the
    quasi-Newton step (Nocedal & Wright, Numerical Optimization, algorithm 7.4), and what
    would leave the bounds is set back to them.
    """
    own_type = networks.dtype_of(network)

    def objective(points, clean, weight, goal):
        """Values (m, 1) and gradients (m, d)."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(points)
            logits = tf.cast(network(tf.cast(points, own_type), training=False), points.dtype)
            value = weight * _dot(points - clean, points - clean)
            value += gradients.cross_entropy(logits, goal)[:, tf.newaxis]
        return value, tape.gradient(value, points)

    @tf.function(reduce_retracing=True)
    def minimise(clean, start, weight, goal):
        weight = weight[:, tf.newaxis]
        zeros, ones = tf.zeros_like(start), tf.ones_like(weight)

        def step(number, point, value, slope, pairs, scale, active, taken):
            held = ((point <= lowest) & (slope > 0)) | ((point >= highest) & (slope < 0))
            way = -_times_inverse_hessian(tf.where(held, zeros, slope), pairs, scale)
            way = tf.where(held, zeros, way)

            def attempt(count, length, waiting, kept, kept_value, kept_slope):
                moved = tf.clip_by_value(point + length * way, lowest, highest)
                new_value, new_slope = objective(moved, clean, weight, goal)
                enough = new_value <= value + SUFFICIENT * _dot(slope, moved - point)
                accepted = waiting & enough
                return (
                    count + 1,
                    length / 2,
                    waiting & ~enough,
                    tf.where(accepted, moved, kept),
                    tf.where(accepted, new_value, kept_value),
                    tf.where(accepted, new_slope, kept_slope),
                )

            *_, failed, moved, new_value, new_slope = tf.while_loop(
                lambda count, length, waiting, *_: (count <= HALVINGS) & tf.reduce_any(waiting),
                attempt,
                (tf.constant(0), ones, active, point, value, slope),
            )
            way, change = moved - point, new_slope - slope
            product, square = _dot(way, change), _dot(change, change)
            # A pair without positive curvature, or an image that did not move, changes nothing:
            # its factor is 0.
            curved = product > 1e-8 * square
            factor = tf.where(curved, 1 / tf.where(curved, product, 1), 0)
            scale = tf.where(curved, product / tf.where(curved, square, 1), scale)
            taken += tf.cast(active[:, 0], tf.int32)
            active &= ~failed & (value - new_value > TOLERANCE * tf.abs(value))
            pairs = (*pairs[1:], (way, change, factor))
            return number + 1, moved, new_value, new_slope, pairs, scale, active, taken

        value, slope = objective(start, clean, weight, goal)
        # The first step, before any curvature is known, has at most the length 1.
        length = tf.norm(slope, axis=1, keepdims=True)
        found = tf.while_loop(
            lambda number, *state: (number < iterations) & tf.reduce_any(state[-2]),
            step,
            (
                tf.constant(0),
                start,
                value,
                slope,
                ((zeros, zeros, tf.zeros_like(weight)),) * HISTORY,
                1 / tf.maximum(length, 1),
                tf.cast(ones, tf.bool),
                tf.zeros_like(goal),
            ),
        )
        return found[1], found[-1]

    return minimise


def _dot(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """Scalar product of each row, shape (m, 1)."""
    return tf.reduce_sum(left * right, axis=1, keepdims=True)


def _times_inverse_hessian(slope: tf.Tensor, pairs: tuple, scale: tf.Tensor) -> tf.Tensor:
    """L-BFGS two-loop recursion, each row with its own approximation of the inverse Hessian.

    `pairs` holds (step s, change of the gradient y, 1 / (s^T y) or 0 to leave the pair out), the
    oldest first; `scale`, shape (m, 1), is the approximation's diagonal before the first of them.
    """
    shares = []
    for way, change, factor in reversed(pairs):
        shares.append(factor * _dot(way, slope))
        slope -= shares[-1] * change
    slope *= scale
    for (way, change, factor), share in zip(pairs, reversed(shares), strict=True):
        slope += (share - factor * _dot(change, slope)) * way
    return slope
