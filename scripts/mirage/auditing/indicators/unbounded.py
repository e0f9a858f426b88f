"""Whether an attack of any size misleads every image.

Auto-PGD, exact, with the whole range of pixels (in L2 the way from black to white): what is left.

Source: Athalye et al. 2018 (arXiv 1802.00420), section 3.1; Carlini et al. 2019.
It cannot see: masking that is weak enough to be overcome at that size.
"""

import math

import numpy as np

from mirage.auditing.attempts import survivors
from mirage.auditing.findings import Indicator
from mirage.auditing.network import Subject
from mirage.auditing.thresholds import UNBOUNDED

TITLE = "An unbounded attack reaches 0"
SOURCE = "Athalye et al. 2018, section 3.1; Carlini et al. 2019"
BLIND = "masking that is weak enough to be overcome at that size"
LOOKED_AT = 200


def measure(
    subject: Subject,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    seed: int,
    norm: str = "linf",
    **_: object,
) -> Indicator:
    """Red where a share that counts is left."""
    images, labels = images[:LOOKED_AT], labels[:LOOKED_AT]
    size = 1.0 if norm == "linf" else math.sqrt(images.shape[1])
    left = float(survivors(subject, images, labels, "apgd_exact", size, norm, seed).mean())
    light = "red" if left > UNBOUNDED else "green"
    sentence = f"With the whole range of pixels to move in, gradients leave {left:.1%} right."
    return Indicator("unbounded", TITLE, light, sentence, {"left": left}, SOURCE, BLIND)
