"""Whether there is a gradient: not None, not NaN, and not 0 in all of an image.

The gradient of the cross-entropy of the logits in the model's type, at clean images.

Source: ART's `loss_gradient_check`; Pintor et al. 2022 (arXiv 2106.09947); AutoAttack's check
for zero gradients; Athalye et al. 2018, section 3.1.
It cannot see: a gradient that is wrong or lost in part: see zeros and signs.
"""

import numpy as np

from mirage.auditing import slopes
from mirage.auditing.findings import Indicator
from mirage.auditing.network import Subject
from mirage.auditing.thresholds import LOSS

TITLE = "There is a gradient"
SOURCE = "ART's loss_gradient_check; Pintor et al. 2022; AutoAttack's checks"
BLIND = "a gradient that is wrong, or lost in part of an image"


def measure(subject: Subject, images: np.ndarray, labels: np.ndarray, **_: object) -> Indicator:
    """Red where there is none, or where it is NaN or 0 for a share of images that counts."""
    if fault := slopes.gradient_fault(subject):
        sentence = f"There is no gradient: {fault}."
        numbers = {"zero": 1.0, "exact_zero": 1.0, "not_finite": 0.0}
        return Indicator("gradient", TITLE, "red", sentence, numbers, SOURCE, BLIND)
    found = slopes.slope(subject, images, labels, slopes.PLAIN)
    finite = np.isfinite(found).all(axis=1)
    zero = (found == 0).all(axis=1)
    exact = slopes.direction(subject, images, labels, slopes.EXACT, "linf")
    numbers = {
        "zero": float(zero.mean()),
        "exact_zero": float((exact == 0).all(axis=1).mean()),
        "not_finite": float((~finite).mean()),
    }
    lost = numbers["zero"] + numbers["not_finite"]
    light = "red" if lost >= LOSS else "yellow" if lost else "green"
    sentence = (
        f"Of {zero.sum()} of {len(images)} images the whole gradient is 0, of {(~finite).sum()} it "
        f"is NaN or infinite; in exact arithmetic it is 0 for {numbers['exact_zero']:.1%}."
    )
    return Indicator("gradient", TITLE, light, sentence, numbers, SOURCE, BLIND)
