"""Whether adversarial images lie in large contiguous regions.

Source: rana, section 2 ("large contiguous regions"), after Goodfellow et al. 2014, arXiv 1412.6572,
section 7: the direction matters, and along it the same wrong class is given over a broad range.
"""

from collections.abc import Iterator, Sequence

import keras
import numpy as np

from mirage.attacks import gradients
from mirage.models import measures


def measure(
    network: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    seed: Sequence[int],
    epsilon: str,
    points: int = 40,
    mixed: Sequence[float] = (0.1, 0.25, 0.5, 1.0),
    directions: int = 10,
) -> Iterator[tuple[str, float]]:
    """How much around an adversarial image is adversarial, too.

    The images are those that are read rightly and misread at x + epsilon * s, unclipped, s being
    the exact sign of the gradient.

    Args:
        network: Model from images to logits.
        images: Shape (n, d), pixels in 0 to 1.
        labels: Shape (n,).
        seed: Of the random signs.
        epsilon: Size in L-infinity, as text.
        points: On the line from x, without it, to x + 2 * epsilon * s; even.
        mixed: Shares of the entries of s in whose place random signs are put.
        directions: Random choices of these for each share and image.

    Yields:
        `misled`: share of the rightly read images that s misleads. `segment` and `beyond`: of the
        points from the first that is misread on, those misread up to x + epsilon * s, and after it.
        `same class`: of those beyond, given the class of x + epsilon * s. `mixed 0.1` and so on:
        share of the misread among the images with so many random signs; 1 is noise of the same
        size. All in 0 to 1; none but `misled` where nothing is misled.
    """

    def classes(points: np.ndarray) -> np.ndarray:
        return measures.classes(gradients.logits(network, points.astype(images.dtype)))

    signs = gradients.sign(gradients.input_gradient(network, images, labels, "exact_sign"))
    step = float(epsilon) * signs
    right = classes(images) == labels
    adversarial = classes(images + step)
    chosen = right & (adversarial != labels)
    yield "misled", float(chosen.sum() / max(1, right.sum()))
    if not chosen.any():
        return
    images, labels, step, adversarial = (one[chosen] for one in (images, labels, step, adversarial))
    # At points / 2 of them stands x + step itself, which is misread.
    answers = np.stack([classes(images + 2 * n / points * step) for n in range(1, points + 1)])
    misread = answers != labels
    after = np.maximum.accumulate(misread, axis=0)
    half = points // 2
    yield "segment", float((misread & after)[:half].sum() / after[:half].sum())
    yield "beyond", float(misread[half:].mean())
    yield "same class", float((answers[half:] == adversarial).mean())
    draw = np.random.default_rng(seed)
    for share in mixed:
        found = []
        for _ in range(directions):
            random = float(epsilon) * draw.choice([-1, 1], size=step.shape)
            moved = np.where(draw.uniform(size=step.shape) < share, random, step)
            found.append(classes(images + moved) != labels)
        yield f"mixed {share:g}", float(np.mean(found))
