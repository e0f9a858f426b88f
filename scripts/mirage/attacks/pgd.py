"""Projected gradient descent in an L-infinity or L2 ball (Madry et al. 2017, arXiv 1706.06083)."""

import functools
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from mirage.attacks import ball, gradients, inputs
from mirage.attacks.inputs import checked
from mirage.models import measures, networks

# Images that a restart is left with are attacked in multiples of so many.
BLOCK = 100


@checked
def attack(
    network: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    epsilon: float,
    gradient: str,
    norm: str = "linf",
    steps: int = 40,
    relative_step: float = 0.1,
    random_start: bool = True,
    restarts: int = 1,
    clip: Sequence[float] | None = None,
    seed: Sequence[int] = (0,),
) -> np.ndarray:
    """Repeated steps along the gradient's steepest direction, each projected back into the ball.

    Args:
        network: Model from images to logits; gradients are computed in its type.
        images: Shape (n, 784), any float type, pixels in 0 to 1.
        labels: True labels, shape (n,), integers 0 to 9.
        epsilon: Radius of the ball in `norm`, pixels lying in 0 to 1.
        gradient: A name in `mirage.attacks.gradients.LOSSES`.
        norm: `linf` (steps along the sign) or `l2` (steps along the gradient itself).
        steps: Number of steps, at least 1.
        relative_step: Length of a step as a share of epsilon.
        random_start: Start at a uniformly random point of the ball, else at the image. Without
            it this is the basic iterative method (Kurakin et al. 2016, arXiv 1607.02533).
        restarts: How often to begin anew, with the images that the network still classifies
            rightly. An image keeps the first point that is misclassified, or the last one where
            there is none.
        clip: Smallest and largest pixel allowed, or None.
        seed: Seed of the random starts.

    Returns:
        Adversarial images in the shape and type of `images`.

    Raises:
        ValueError: Images, labels or epsilon are not what `mirage.attacks.inputs` asks for, or the
            norm is another one.
        NetworkError: A weight of the network is NaN or infinite.
    """
    if norm not in ball.NORMS:
        raise ValueError(f"norm {norm!r}: allowed are {', '.join(ball.NORMS)}")
    descent = {
        "epsilon": epsilon,
        "gradient": gradient,
        "norm": norm,
        "steps": steps,
        "relative_step": relative_step,
        "clip": clip,
    }
    found, left = images.copy(), np.arange(len(images))
    for restart in range(restarts):
        start = images
        if random_start:
            start = images + ball.random(images, epsilon, norm, (*seed, restart))
        # Repeated up to a multiple of BLOCK: every other number of images is compiled for anew.
        rows = np.resize(left, -(-len(left) // BLOCK) * BLOCK) if restart else left
        moved = descend_from(
            network, images[rows], start[rows], labels[rows], count=len(images), **descent
        )
        found[left] = moved[: len(left)]
        if restart + 1 < restarts:
            answers = measures.classes(gradients.logits(network, found[left]))
            left = left[answers == labels[left]]
        if not len(left):
            break
    return found


def descend_from(
    network: keras.Model,
    images: np.ndarray,
    start: np.ndarray,
    labels: np.ndarray,
    *,
    epsilon: float,
    gradient: str,
    norm: str = "linf",
    steps: int = 40,
    relative_step: float = 0.1,
    clip: Sequence[float] | None = None,
    count: int | None = None,
) -> np.ndarray:
    """One descent from given points of the ball around each image; arguments as in `attack`.

    Args:
        count: What an averaged loss is divided by; the number of images where it is not given.

    Returns:
        Where it ends, in the shape and type of `images`.

    Raises:
        ValueError, NetworkError: As in `attack`.
    """
    inputs.check(network, images, labels)
    inputs.check_epsilon(epsilon, images, norm)
    descend = _descend(network, gradient, norm, steps, tuple(clip) if clip else None)
    pixels, classes = tf.constant(images), tf.constant(labels, tf.int32)
    radius, step = (tf.constant(size, pixels.dtype) for size in (epsilon, relative_step * epsilon))
    begun = ball.project(tf.constant(start), pixels, radius, norm, clip)
    divisor = tf.constant(count or len(images))
    return descend(pixels, begun, classes, radius, step, divisor).numpy()


@functools.lru_cache(maxsize=4)
def _descend(
    network: keras.Model, gradient: str, norm: str, steps: int, clip: tuple | None
) -> Callable[..., tf.Tensor]:
    """All steps as one graph: images, start, labels, radius, step, count -> the last point."""

    own_type = networks.dtype_of(network)

    def step_in_ball(moved, slope, images, radius, step):
        moved += step * tf.cast(ball.steepest(slope, norm), moved.dtype)
        return ball.project(moved, images, radius, norm, clip)

    if norm == "linf":
        # One pass over the images instead of a dozen. Sign, sum and bounds are exact, or rounded
        # once, so that fusing them changes no bit; a gradient, or a length, it would change.
        step_in_ball = tf.function(step_in_ball, jit_compile=True, autograph=False)

    @tf.function(reduce_retracing=True, autograph=False)
    def descend(images, start, labels, radius, step, count):
        def body(number, moved):
            slope = gradients.of_images(network, tf.cast(moved, own_type), labels, gradient, count)
            return number + 1, step_in_ball(moved, slope, images, radius, step)

        _, moved = tf.while_loop(lambda number, _: number < steps, body, (tf.constant(0), start))
        return moved

    return descend
