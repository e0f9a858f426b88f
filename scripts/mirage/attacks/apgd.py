"""Auto-PGD, which sets its own step (Croce and Hein 2020, arXiv 2003.01690, section 3)."""

import functools
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from mirage.attacks import ball, gradients
from mirage.attacks.inputs import checked
from mirage.attacks.parameters._apgd import AutoPgdParameters
from mirage.attacks.parameters.apgd import Parameters
from mirage.attacks.result import AttackResult
from mirage.models import measures, networks

# Weight of a step against the one before it (alpha).
MOMENTUM = 0.75

# Points and labels -> whether each is classified rightly, its loss, and the gradient there.
Judge = Callable[[np.ndarray | tf.Tensor, np.ndarray], tuple[np.ndarray, np.ndarray, tf.Tensor]]


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
    """Auto-PGD on the cross-entropy, or on the log-odds, which rise with it (`exact_sign`).

    See `ascend`.

    Args:
        network: Model from images to logits; gradients are computed in its type.
        images: Shape (n, d), any float type, pixels in 0 to 1.
        labels: True labels, shape (n,), integers.
        parameters: Those of Auto-PGD.
        epsilon: Radius of the ball in the norm of `parameters`, pixels lying in 0 to 1.
        seed: Seed of the random starts.

    Returns:
        Adversarial images in the shape and type of `images`.

    Raises:
        ValueError: Images, labels or epsilon are not what `mirage.attacks.inputs` asks for.
        NetworkError: A weight of the network is NaN or infinite.
    """
    each, averaged = gradients.LOSSES[parameters.gradient]
    judge = judging(network, each, len(images) if averaged else 1)
    return AttackResult(ascend(judge, images, labels, parameters, epsilon=epsilon, seed=seed))


def ascend(
    judge: Judge,
    images: np.ndarray,
    labels: np.ndarray,
    parameters: AutoPgdParameters,
    *,
    epsilon: float,
    seed: Sequence[int],
) -> np.ndarray:
    """The best point of all climbs to each image, and of the image itself.

    A point that misleads is better than one that does not. Of two others the one with the larger
    loss is better: just beyond a boundary is not enough for another network, or another precision.

    Args:
        judge: As `judging` gives it.
        images, labels, parameters, epsilon, seed: As in `attack`.

    Returns:
        The best points, in the shape and type of `images`.
    """
    found = images.copy()
    right, losses, _ = judge(images, labels)
    for restart in range(parameters.restarts):
        # All of them at first, so that what misleads already does so by more.
        left = np.flatnonzero(right) if restart else np.arange(len(images))
        if not len(left):
            break
        begun = images
        if parameters.random_start:
            begun = images + ball.random(images, epsilon, parameters.norm, (*seed, restart))
        climbed = climb(judge, images[left], begun[left], labels[left], parameters, epsilon=epsilon)
        for points, still_right, risen in climbed:
            misled_at_last = right[left] & ~still_right
            higher = (right[left] == still_right) & (risen > losses[left])
            better = misled_at_last | higher
            rows = left[better]
            found[rows], right[rows] = points[better], still_right[better]
            losses[rows] = risen[better]
    return found


def climb(
    judge: Judge,
    images: np.ndarray,
    begun: np.ndarray,
    labels: np.ndarray,
    parameters: AutoPgdParameters,
    *,
    epsilon: float,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Every point of one climb from `begun` (Algorithm 1), each image with a step of its own.

    The step is 2 epsilon at first. At a checkpoint it is halved, and the climb goes on from the
    point of the largest loss, where the loss rose in less than `rho` of the steps since the last
    checkpoint (condition 1), or where the step was not halved there and no larger loss has been
    found since (condition 2).

    Args:
        begun: The first points, projected into the ball before anything else.
        judge, images, labels, parameters, epsilon: As in `ascend`.

    Yields:
        For the start and after each step: the points, whether each is still classified rightly,
        and the loss of each.
    """
    pixels, radius = tf.constant(images), tf.constant(epsilon, images.dtype)

    def inside(moved: tf.Tensor) -> tf.Tensor:
        return ball.project(moved, pixels, radius, parameters.norm, parameters.clip)

    # Points and gradients stay tensors: each copy takes some tenth of the time of the network.
    points = before = inside(tf.constant(begun))
    right, losses, slope = judge(points, labels)
    yield points.numpy(), right, losses
    top, top_losses, top_slope = points.numpy().copy(), losses.copy(), slope.numpy().copy()
    step = np.full((len(images), 1), 2 * epsilon, images.dtype)
    rises, halved = np.zeros(len(images), int), np.zeros(len(images), bool)
    last, last_top = 0, top_losses.copy()
    marks = checkpoints(parameters.iterations)
    for number in range(1, parameters.iterations + 1):
        way = tf.cast(ball.steepest(slope, parameters.norm), images.dtype)
        aimed = inside(points + step * way)
        if number > 1:
            aimed = points + MOMENTUM * (aimed - points) + (1 - MOMENTUM) * (points - before)
            aimed = inside(aimed)
        before, points, reached = points, aimed, losses
        right, losses, slope = judge(points, labels)
        yield points.numpy(), right, losses
        rises += losses > reached
        higher = losses > top_losses
        top[higher], top_slope[higher] = points.numpy()[higher], slope.numpy()[higher]
        top_losses[higher] = losses[higher]
        if number in marks:
            stuck = ~halved & (top_losses == last_top)
            halved = (rises < parameters.rho * (number - last)) | stuck
            step[halved] /= 2
            points = tf.where(halved[:, np.newaxis], top, points)
            slope = tf.where(halved[:, np.newaxis], top_slope, slope)
            losses = np.where(halved, top_losses, losses)
            last, last_top = number, top_losses.copy()
            rises[:] = 0


def checkpoints(iterations: int) -> list[int]:
    """The steps after which the step may be halved: w_j = ceil(p_j * iterations), ascending.

    p_0 = 0, p_1 = 0.22 and p_(j+1) = p_j + max(p_j - p_(j-1) - 0.03, 0.06) (section 3).
    """
    # In hundredths: in floating point a product may lie just above the integer that it is.
    share, gap, found = 22, 22, []
    while share <= 100:
        found.append(-(-share * iterations // 100))
        gap = max(gap - 3, 6)
        share += gap
    return found


def judging(
    network: keras.Model, each: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], divisor: int = 1
) -> Judge:
    """A function that gives answers, losses and gradients of a network at many points.

    Args:
        network: Model from images to logits; its type is that of losses and gradients.
        each: Logits (n, classes) and labels (n,) -> the loss of each image, shape (n,).
        divisor: What the sum of the losses is divided by before its gradient is taken.
    """
    own_type, judge = networks.dtype_of(network), _judge(network, each)

    def judging(points, labels):
        given = (tf.cast(points, own_type), tf.constant(labels, tf.int32), tf.constant(divisor))
        logits, losses, slope = judge(*given)
        return measures.classes(logits.numpy()) == labels, losses.numpy(), slope

    return judging


@functools.lru_cache(maxsize=4)
def _judge(network: keras.Model, each: Callable) -> Callable[..., tuple[tf.Tensor, ...]]:
    """One pass forward and one back: points, labels, divisor -> logits, losses, gradient."""

    @tf.function(reduce_retracing=True, autograph=False)
    def judge(points, labels, divisor):
        with tf.GradientTape() as tape:
            tape.watch(points)
            logits = network(points, training=False)
            losses = each(logits, labels)
            total = tf.reduce_sum(losses)
            total = total / tf.cast(divisor, total.dtype)
        return logits, losses, tape.gradient(total, points)

    return judge
