"""How straight the margin between two logits is along the direction of FGSM.

Source: Goodfellow et al. 2014, arXiv 1412.6572, figure 4: along the sign of the gradient the logits
are "conspicuously piecewise linear with epsilon".
"""

from collections.abc import Iterator, Sequence

import keras
import numpy as np

from mirage.attacks import gradients
from mirage.models.cast import cast

QUANTILES = (0.05, 0.5, 0.95)


def measure(
    network: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    seed: Sequence[int],
    epsilon: str = "0.3",
    points: int = 61,
) -> Iterator[tuple[str, float]]:
    """R^2 of a straight line through z_y - z_k along x + t * sign(gradient), t from -e to e.

    y is the true class, k the strongest other class at t = epsilon: one class for the whole line,
    so that a change of the strongest is no bend. The sign is the exact one; all is in float64.

    Args:
        network: Model from images to logits.
        images: Shape (n, d), pixels in 0 to 1; perturbed ones may leave it, as in the source.
        labels: Shape (n,).
        seed: Not used.
        epsilon: Largest size in L-infinity to either side, as text.
        points: Of the line, at equal distances.

    Yields:
        `mean` and the quantiles `q0.05`, `q0.5`, `q0.95` over images of R^2, in 0 to 1; and
        `attacked`, the mean over 0 to epsilon alone, the way of the attack.
    """
    exact = cast(network, "float64")
    signs = gradients.sign(gradients.input_gradient(exact, images, labels, "exact_sign"))
    sizes = np.linspace(-float(epsilon), float(epsilon), points)
    logits = np.stack([gradients.logits(exact, images + size * signs) for size in sizes])
    rows = np.arange(len(labels))
    end = logits[-1].copy()
    end[rows, labels] = -np.inf
    margins = logits[:, rows, labels] - logits[:, rows, end.argmax(axis=1)]
    whole = straightness(sizes, margins)
    yield "mean", float(whole.mean())
    for quantile in QUANTILES:
        yield f"q{quantile:g}", float(np.quantile(whole, quantile))
    half = sizes >= 0
    yield "attacked", float(straightness(sizes[half], margins[half]).mean())


def straightness(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """R^2 of a least-squares line through each column of y, shape (points, n), over x: (n,).

    A column that does not change is a line: 1.
    """
    x = x - x.mean()
    y = y - y.mean(axis=0)
    whole = (y**2).sum(axis=0)
    left = ((y - x[:, np.newaxis] * (x @ y / (x @ x))) ** 2).sum(axis=0)
    return 1 - np.divide(left, whole, out=np.zeros_like(whole), where=whole > 0)
