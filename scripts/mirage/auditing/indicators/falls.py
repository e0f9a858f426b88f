"""Whether accuracy falls as epsilon grows.

Accuracy under PGD, exact, at a quarter, half, once and twice epsilon. A larger ball holds the
smaller one, so that no larger one may leave more; and none that is large enough leaves as much.

Source: Athalye et al. 2018 (arXiv 1802.00420), section 3.1; Carlini et al. 2019.
It cannot see: masking that is the same at all sizes.
"""

import math
from itertools import pairwise

import numpy as np

from mirage.auditing.attempts import survivors
from mirage.auditing.findings import Indicator
from mirage.auditing.network import Subject
from mirage.auditing.statistics import difference
from mirage.auditing.thresholds import LOSS

TITLE = "Accuracy falls with epsilon"
SOURCE = "Athalye et al. 2018, section 3.1; Carlini et al. 2019"
BLIND = "masking that is the same at all sizes"
LOOKED_AT, FACTORS = 200, (0.25, 0.5, 1, 2)


def measure(
    subject: Subject,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    epsilon: float,
    seed: int,
    norm: str = "linf",
    **_: object,
) -> Indicator:
    """Red where it rises by what counts, yellow where it does not fall from first to last."""
    images, labels = images[:LOOKED_AT], labels[:LOOKED_AT]
    most = 1.0 if norm == "linf" else math.sqrt(images.shape[1])
    sizes = sorted({min(factor * epsilon, most) for factor in FACTORS})
    kept = [survivors(subject, images, labels, "pgd_exact", size, norm, seed) for size in sizes]
    rises = [difference(larger, smaller) for smaller, larger in pairwise(kept)]
    risen = any(rise >= LOSS and low > 0 for rise, low, _ in rises)
    flat = kept[-1].mean() > max(LOSS, kept[0].mean() - LOSS)
    accuracies = {f"{size:g}": float(one.mean()) for size, one in zip(sizes, kept, strict=True)}
    values = ", ".join(f"{value:.3f} at {size}" for size, value in accuracies.items())
    light = "red" if risen else "yellow" if flat else "green"
    verb = "rises" if risen else "hardly falls" if flat else "falls"
    sentence = f"Accuracy under PGD {verb}: {values}."
    return Indicator("falls", TITLE, light, sentence, accuracies, SOURCE, BLIND)
