"""Jacobian-based saliency map attack, JSMA (Papernot et al. 2015, arXiv 1511.07528).

Two pixels at a time are moved by theta, those that raise the target class most while they lower
the sum of the others: Algorithm 3 with the saliency map over pairs of Algorithm 2. The forward
derivative is that of the logits, not of the softmax, as in the paper (section IV): the softmax
would add extreme values, and zeros where it saturates.
"""

import functools
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from mirage.attacks import gradients
from mirage.attacks.inputs import checked
from mirage.attacks.parameters.jsma import Parameters
from mirage.attacks.result import AttackResult
from mirage.models import networks


@checked
def attack(
    network: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    parameters: Parameters,
    *,
    seed: Sequence[int] = (0,),
    **_: object,
) -> AttackResult:
    """Move two pixels at a time until the target class is reached (Papernot et al. 2015).

    An image is done when it reaches its target, when floor(d * gamma / 2) pairs have been moved
    (the paper's maximum distortion Upsilon), or when no pair of pixels in the search domain
    raises the target and lowers the rest. A pixel leaves the search domain at the bound of
    `clip` that it moves towards.

    Targets: `next` (label + 1, modulo the classes), `random` (uniform among the other classes) and
    `least_likely` (smallest logit at the image) are done when the network answers with the target.
    `untargeted` aims at the runner-up (largest logit at the image but the label's) and is done as
    soon as the network answers with anything but the label.

    Without `pairs` the two pixels are taken that raise the target most, one by one and whatever
    they do to the other classes: the faster map that the Adversarial Robustness Toolbox (1.20) has
    under the name JSMA.

    Args:
        network: Model from images to logits; derivatives are computed in its type.
        images: Shape (n, d), any float type, pixels lying in `clip`.
        labels: True labels, shape (n,), integers from 0 on.
        parameters: Those of JSMA.
        seed: Seed of random targets.

    Returns:
        Adversarial images in the shape and type of `images`, those where the attack fails with all
        the changes tried; pairs moved; and, if there is a target, whether it was reached and which
        it was.

    Raises:
        ValueError: Images or labels are not what `mirage.attacks.inputs` asks for.
        NetworkError: A weight of the network is NaN or infinite.
    """
    theta, targeted = parameters.theta, parameters.target != "untargeted"
    low, high = parameters.clip or (-np.inf, np.inf)
    bound, direction = (high, 1) if theta > 0 else (low, -1)
    labels = np.asarray(labels).astype(np.int32)
    targets = _targets(network, images, labels, parameters.target, seed)
    search = _pairs if parameters.pairs else _steepest

    moved = images.copy()
    iterations = np.zeros(len(images), int)
    reached = np.zeros(len(images), bool)
    active = np.arange(len(images))
    limit = int(images.shape[1] * parameters.gamma / 2)
    for iteration in range(limit + 1):
        answers, choose = search(network, moved[active], targets[active], bound, direction)
        done = answers == targets[active] if targeted else answers != labels[active]
        reached[active[done]] = True
        if iteration == limit or done.all():
            break
        chosen, found = choose(~done)
        active, chosen = active[~done][found], chosen[found]
        if not len(active):
            break
        places = (active[:, np.newaxis], chosen)
        moved[places] = np.clip(moved[places] + images.dtype.type(theta), low, high)
        iterations[active] += 1

    return AttackResult(moved, iterations, *((reached, targets) if targeted else ()))


def most_salient_pair(
    own: np.ndarray, others: np.ndarray, free: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The largest -(alpha_p + alpha_q)(beta_p + beta_q) of all pairs (Papernot's Algorithm 2).

    Only pairs with alpha_p + alpha_q > 0 > beta_p + beta_q count. The search is exact but need
    not look at all d (d - 1) / 2 pairs. With b = -beta, the product grows with either sum: if
    pixel p has two others with no smaller alpha and no smaller b, one of them is not q and does
    in p's place no worse. So a largest pair lies among the pixels with at most one such other,
    of which there are a few tens.

    Args:
        own: alpha, derivative of the target's logit by each pixel, shape (n, d), float64.
        others: beta, derivative of the sum of the other logits, shape (n, d), float64.
        free: Which pixels may be chosen, shape (n, d), bool.

    Returns:
        Indices of the two pixels, shape (n, 2), and whether there is such a pair, shape (n,).
    """
    free = free & np.isfinite(own) & np.isfinite(others)
    alpha, b = (np.where(free, values, -np.inf) for values in (own, -others))
    order = np.argsort(-alpha, axis=1)
    b = np.take_along_axis(b, order, axis=1)
    # Second largest b of all pixels up to here, in the order of falling alpha.
    largest = np.maximum.accumulate(b, axis=1)
    second = np.maximum.accumulate(np.minimum(b[:, 1:], largest[:, :-1]), axis=1)
    candidate = b > -np.inf
    candidate[:, 2:] &= b[:, 2:] > second[:, :-1]

    # The candidates side by side, filled up with pixels that no pair can gain from.
    rows, columns = np.nonzero(candidate)
    places = (rows, candidate.cumsum(axis=1)[rows, columns] - 1)
    shape = (len(own), max(candidate.sum(axis=1).max(initial=0), 2))
    pixel = np.zeros(shape, int)
    pixel[places] = order[rows, columns]
    first, second = np.full(shape, -np.inf), np.full(shape, -np.inf)
    first[places] = alpha[rows, pixel[places]]
    second[places] = b[rows, columns]

    best, chosen = np.zeros(len(own)), np.zeros((len(own), 2), int)
    every = np.arange(len(own))
    for apart in range(1, shape[1]):
        gain = np.maximum(first[:, :-apart] + first[:, apart:], 0)
        gain *= np.maximum(second[:, :-apart] + second[:, apart:], 0)
        at = gain.argmax(axis=1)
        better = gain[every, at] > best
        best = np.where(better, gain[every, at], best)
        pair = np.stack([pixel[every, at], pixel[every, at + apart]], axis=1)
        chosen = np.where(better[:, np.newaxis], pair, chosen)
    return chosen, best > 0


# Answers (n,), and what gives for some of the images the two pixels (m, 2) and whether there are.
Step = tuple[np.ndarray, Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]]


def _pairs(
    network: keras.Model, images: np.ndarray, targets: np.ndarray, bound: float, direction: int
) -> Step:
    """Algorithm 2: the most salient of all pairs of pixels that are not at the bound."""
    pixels = tf.cast(images, networks.dtype_of(network))
    answers, own, others = (part.numpy() for part in _derivatives(network)(pixels, targets))

    def choose(rows):
        alpha, beta = (direction * part[rows].astype(np.float64) for part in (own, others))
        return most_salient_pair(alpha, beta, images[rows] != bound)

    return answers, choose


def _steepest(
    network: keras.Model, images: np.ndarray, targets: np.ndarray, bound: float, direction: int
) -> Step:
    """The two pixels that raise the target's logit most, one by one."""
    found = _steepest_two(network)(images, targets, bound, direction)
    answers, chosen, there = (part.numpy() for part in found)
    return answers, lambda rows: (chosen[rows], there[rows])


def _targets(
    network: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    target: str,
    seed: Sequence[int],
) -> np.ndarray:
    """The class that each image is moved towards, shape (n,), int32; never its label."""
    logits = gradients.logits(network, images).astype(np.float64)
    classes = logits.shape[1]
    if target in ("next", "random"):
        further = 1
        if target == "random":
            further = np.random.default_rng(seed).integers(1, classes, size=len(labels))
        return ((labels + further) % classes).astype(np.int32)
    least = target == "least_likely"
    logits[np.arange(len(labels)), labels] = np.inf if least else -np.inf
    return (logits.argmin(axis=1) if least else logits.argmax(axis=1)).astype(np.int32)


@functools.lru_cache(maxsize=4)
def _derivatives(network: keras.Model) -> Callable[..., tuple[tf.Tensor, ...]]:
    """images (n, d), targets (n,) -> answers (n,), alpha and beta (n, d).

    Two backward passes, whatever the number of classes: of Z_t and of the sum of the others.
    """

    @tf.function(reduce_retracing=True)
    def derivatives(images, targets):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(images)
            logits = network(images, training=False)
            is_target = tf.one_hot(targets, logits.shape[-1], dtype=logits.dtype)
            own = tf.reduce_sum(logits * is_target)
            others = tf.reduce_sum(logits * (1 - is_target))
        answers = tf.argmax(logits, axis=1, output_type=tf.int32)
        return answers, tape.gradient(own, images), tape.gradient(others, images)

    return derivatives


@functools.lru_cache(maxsize=4)
def _steepest_two(network: keras.Model) -> Callable[..., tuple[tf.Tensor, ...]]:
    """images (n, d), targets (n,), bound, direction -> answers (n,), pixels (n, 2), whether (n,).

    One backward pass, and the choice beside it: whole derivatives never leave the graph.
    """

    @tf.function(reduce_retracing=True, autograph=False)
    def steepest(images, targets, bound, direction):
        pixels = tf.cast(images, networks.dtype_of(network))
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            logits = network(pixels, training=False)
            own = tf.gather(logits, targets, batch_dims=1)
        slope = tape.gradient(own, pixels)
        slope *= tf.cast(direction, slope.dtype)
        free = (images != tf.cast(bound, images.dtype)) & tf.math.is_finite(slope)
        largest, chosen = tf.math.top_k(tf.where(free, slope, -np.inf), 2)
        answers = tf.argmax(logits, axis=1, output_type=tf.int32)
        return answers, chosen, largest[:, 1] > -np.inf

    return steepest
