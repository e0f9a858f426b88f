"""Accuracy that is there by arithmetic alone.

The same attack with the same budget, plain and exact (`mirage.auditing.headline`): the accuracy
under the plain one minus that under the exact one.

Source: this project; McNemar 1947 and Bonett and Price 2012 for the interval.
It cannot see: masking by the model's own layers, which the exact direction shares.
"""

import numpy as np

from mirage.auditing import headline
from mirage.auditing.findings import Headline, Indicator
from mirage.auditing.network import Subject
from mirage.auditing.thresholds import LOSS

TITLE = "Accuracy lost to arithmetic alone"
SOURCE = "this project; McNemar 1947, Bonett and Price 2012"
BLIND = "masking by the model's own layers"


def masked(found: Headline) -> bool:
    """Whether a loss counts: at least `LOSS`, and its interval excludes 0."""
    return found.loss >= LOSS and found.low > 0


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
    """Red where the loss counts under one step, yellow where it is none of chance but small."""
    found = headline.measure(
        *(subject, images, labels, "fgsm"), epsilon=epsilon, norm=norm, seed=seed
    )
    light = "red" if masked(found) else "yellow" if found.low > 0 else "green"
    sentence = (
        f"One step leaves {found.plain.value:.3f} plain and {found.exact.value:.3f} exact: "
        f"{found.loss:.3f} ({found.low:.3f} to {found.high:.3f}, p = {found.p_value:.2g}) is there "
        "by arithmetic."
    )
    numbers = {
        "plain": found.plain.value,
        "exact": found.exact.value,
        "loss": found.loss,
        "low": found.low,
        "high": found.high,
        "p_value": found.p_value,
    }
    return Indicator("arithmetic", TITLE, light, sentence, numbers, SOURCE, BLIND)
