"""Whether the last point of an attack hides a success on the way.

Share of the images that some point of PGD's path misleads, and its last one does not.

It fires where answers are random, or where steps are too long for the loss and jump to and fro.

Source: Pintor et al. 2022 (arXiv 2106.09947), silent success; Carlini et al. 2019.
It cannot see: attacks of others, which may keep the best point. Those of the worst case here do.
"""

import numpy as np

from mirage.attacks import gradients
from mirage.auditing import slopes
from mirage.auditing.findings import Indicator
from mirage.auditing.network import Subject
from mirage.auditing.thresholds import LOSS

TITLE = "Success on the way"
SOURCE = "Pintor et al. 2022; Carlini et al. 2019"
BLIND = "attacks of others, which may keep the best point"
LOOKED_AT, STEPS = 200, 20


def measure(
    subject: Subject,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    epsilon: float,
    norm: str = "linf",
    **_: object,
) -> Indicator:
    """Yellow where the share counts: a PGD that keeps its last point is too weak here."""
    images, labels = images[:LOOKED_AT], labels[:LOOKED_AT]
    network, points = slopes.climbing(subject), images
    ever = np.ones(len(points), bool)
    for _ in range(STEPS):
        slope = gradients.input_gradient(network, points, labels, "exact_sign")
        points = slopes.stepped(points, slope, images, 0.1 * epsilon, epsilon, norm)
        last = slopes.right(subject, points, labels)
        ever &= last
    hidden = float((last & ~ever).mean())
    light = "yellow" if hidden >= LOSS else "green"
    sentence = f"{hidden:.1%} of the images are misled on the way of PGD, and no longer at its end."
    numbers = {"hidden": hidden, "last": float(last.mean()), "best": float(ever.mean())}
    return Indicator("best_iterate", TITLE, light, sentence, numbers, SOURCE, BLIND)
