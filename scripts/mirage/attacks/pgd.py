"""Projected gradient descent in an L-infinity or L2 ball (Madry et al. 2017, arXiv 1706.06083)."""

import functools
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from mirage.attacks import ball, gradients, inputs
from mirage.attacks.inputs import checked
from mirage.attacks.parameters.pgd import Parameters
from mirage.attacks.result import AttackResult
from mirage.models import measures, networks

# Images that a restart is left with are attacked in multiples of so many.
BLOCK = 100


@checked
def attack(
    network: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    parameters: Parameters,
    *,
    epsilon: float,
    seed: Sequence[int] = (0,),
    **_: object,
) -> AttackResult:
    """Repeated steps along the gradient's steepest direction, each projected back into the ball.

    With restarts an image keeps the first point that is misclassified, or the last one where there
    is none. With predicted labels, misclassified is what has another class than the clean image.

    Args:
        network: Model from images to logits; gradients are computed in its type.
        images: Shape (n, d), any float type, pixels in 0 to 1.
        labels: True labels, shape (n,), integers from 0 on.
        parameters: Those of PGD.
        epsilon: Radius of the ball in the norm of `parameters`, pixels lying in 0 to 1.
        seed: Seed of the random starts.

    Returns:
        Adversarial images in the shape and type of `images`.

    Raises:
        ValueError: Images, labels or epsilon are not what `mirage.attacks.inputs` asks for.
        NetworkError: A weight of the network is NaN or infinite.
    """
    labels = gradients.labels_followed(network, images, labels, parameters)
    found, left = images.copy(), np.arange(len(images))
    for restart in range(parameters.restarts):
        start = images
        if parameters.random_start:
            start = images + ball.random(images, epsilon, parameters.norm, (*seed, restart))
        # Repeated up to a multiple of BLOCK: every other number of images is compiled for anew.
        rows = np.resize(left, -(-len(left) // BLOCK) * BLOCK) if restart else left
        moved = descend_from(
            *(network, images[rows], start[rows], labels[rows], parameters),
            epsilon=epsilon,
            count=len(images),
        )
        found[left] = moved[: len(left)]
        if restart + 1 < parameters.restarts:
            answers = measures.classes(gradients.logits(network, found[left]))
            left = left[answers == labels[left]]
        if not len(left):
            break
    return AttackResult(found)


def descend_from(
    network: keras.Model,
    images: np.ndarray,
    start: np.ndarray,
    labels: np.ndarray,
    parameters: Parameters,
    *,
    epsilon: float,
    count: int | None = None,
) -> np.ndarray:
    """One descent from given points of the ball around each image; arguments as in `attack`.

    Whatever the parameters say of starts and restarts, there is this one.

    Args:
        count: What an averaged loss is divided by; the number of images where it is not given.

    Returns:
        Where it ends, in the shape and type of `images`.

    Raises:
        ValueError, NetworkError: As in `attack`.
    """
    inputs.check(network, images, labels)
    inputs.check_epsilon(epsilon, images, parameters.norm)
    norm, clip = parameters.norm, parameters.clip
    descend = _descend(network, parameters.gradient, norm, parameters.steps, clip)
    pixels, classes = tf.constant(images), tf.constant(labels, tf.int32)
    sizes = (epsilon, parameters.relative_step * epsilon)
    radius, step = (tf.constant(size, pixels.dtype) for size in sizes)
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
