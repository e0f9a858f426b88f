"""How far apart the robustness is that common ways to ask would report.

The largest accuracy minus the smallest of `mirage.auditing.eyes`.

Source: ART#367, foolbox#108, cleverhans#350.
It cannot see: wrappers that nobody has written down; attacks of more than one step.
"""

import numpy as np

from mirage.auditing import eyes
from mirage.auditing.findings import Indicator
from mirage.auditing.network import Subject
from mirage.auditing.thresholds import WRAPPERS

TITLE = "One model, one robustness"
SOURCE = "ART#367, foolbox#108, cleverhans#350"
BLIND = "other wrappers, and attacks of more than one step"


def measure(
    subject: Subject,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    epsilon: float,
    norm: str = "linf",
    **_: object,
) -> Indicator:
    """Yellow where they differ by more than counts: the way to ask is at fault, not the model."""
    if norm != "linf":
        sentence = "Through whose eyes is asked in L-infinity alone."
        return Indicator("wrappers", TITLE, "grey", sentence, {}, SOURCE, BLIND)
    found = eyes.measure(subject, images, labels, epsilon=epsilon)
    least, most = (f(found, key=lambda eye: eye.accuracy.value) for f in (min, max))
    apart = most.accuracy.value - least.accuracy.value
    sentence = (
        f"Under one step {least.name} reports {least.accuracy.value:.3f}, {most.name} "
        f"{most.accuracy.value:.3f}."
    )
    light = "yellow" if apart >= WRAPPERS else "green"
    numbers = {eye.name: eye.accuracy.value for eye in found}
    return Indicator("wrappers", TITLE, light, sentence, numbers, SOURCE, BLIND)
