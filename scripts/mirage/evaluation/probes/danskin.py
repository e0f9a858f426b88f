"""Whether the gradient at the worst perturbation is that of the worst-case loss.

Source: rana, section 5.3, after Madry et al. 2017, arXiv 1706.06083, appendix A (Danskin's
theorem): the gradient of phi(w) = max over the ball of L(w, x + d, y) is that of L at the
maximizer. PGD finds one, if any, and L is not concave in d: so it is to be measured.
"""

from collections.abc import Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from mirage.attacks import ball, gradients, pgd
from mirage.models.cast import cast


def measure(
    network: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    seed: Sequence[int],
    epsilon: str,
    steps: int = 40,
    restarts: int = 5,
    directions: int = 5,
    change: float = 1e-4,
) -> Iterator[tuple[str, float]]:
    """Central finite differences of the worst-case loss beside the gradient at the maximizer.

    The worst-case loss is the mean over images of the largest cross-entropy that PGD finds, sought
    anew at each weights. Directions in weights are the gradient's own and random ones, all of
    length 1. All is computed in float64.

    Args:
        network: Model from images to logits.
        images: Shape (n, d), pixels in 0 to 1; perturbed ones may leave it.
        labels: Shape (n,).
        seed: Of the random starts and directions.
        epsilon: Radius in L-infinity, as text.
        steps: Of PGD, each of a tenth of the radius.
        restarts: Of PGD.
        directions: Random ones.
        change: Length of the change of the weights to either side, as a share of their length.

    Yields:
        `derivative` and `difference`: along the gradient, by the theorem and by finite differences,
        in nats per unit of weights. `relative error`: of the two. `cosine`: of the two vectors over
        all directions. Both are 0 and 1 where the theorem holds and PGD finds the maximum.
    """
    exact = cast(network, "float64")
    parameters = pgd.Parameters(gradient="exact_sign", steps=steps)
    radius, pixels = float(epsilon), images.astype("float64")
    classes = tf.constant(labels, tf.int32)
    starts = [pixels + ball.random(pixels, radius, "linf", (*seed, n)) for n in range(restarts)]

    def worst() -> tuple[float, np.ndarray]:
        ends = [
            pgd.descend_from(exact, pixels, start, labels, parameters, epsilon=radius)
            for start in starts
        ]
        losses = np.stack([_loss(exact, end, classes).numpy() for end in ends])
        best = losses.argmax(axis=0)
        rows = np.arange(len(pixels))
        return float(losses[best, rows].mean()), np.stack(ends)[best, rows]

    weights = exact.trainable_variables
    kept = [one.numpy() for one in weights]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(_loss(exact, worst()[1], classes))
    slope = [one.numpy() for one in tape.gradient(loss, [one.value for one in weights])]
    draw = np.random.default_rng(seed)
    ways = [slope, *([draw.normal(size=one.shape) for one in kept] for _ in range(directions))]
    size = change * _length(kept)
    expected, found = [], []
    for way in ways:
        unit = [one / _length(way) for one in way]
        expected.append(sum(float((a * b).sum()) for a, b in zip(slope, unit, strict=True)))
        sides = []
        for side in (size, -size):
            for variable, before, along in zip(weights, kept, unit, strict=True):
                variable.assign(before + side * along)
            sides.append(worst()[0])
        found.append((sides[0] - sides[1]) / (2 * size))
    yield "derivative", expected[0]
    yield "difference", found[0]
    yield "relative error", abs(found[0] - expected[0]) / abs(expected[0])
    lengths = np.linalg.norm(expected) * np.linalg.norm(found)
    yield "cosine", float(np.dot(expected, found) / lengths)


def _loss(network: keras.Model, images: np.ndarray, labels: tf.Tensor) -> tf.Tensor:
    return gradients.cross_entropy(network(images, training=False), labels)


def _length(arrays: Sequence[np.ndarray]) -> float:
    return float(np.sqrt(sum((one**2).sum() for one in arrays)))
