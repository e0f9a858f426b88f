"""Whether the range of pixels that the model takes is plausible.

`mirage.auditing.range.settle` reads accuracy, margins and the size of the logits at 0..1, 0..255,
-1..1 and -.5...5. A range too wide by a factor c multiplies all margins of a network without
biases by c, and masks its gradient.

Source: Carlini et al. 2019 (arXiv 1902.06705): state the threat model's units.
It cannot see: preprocessing other than a range, such as a mean for each channel.
"""

import numpy as np

from mirage.auditing.findings import Indicator
from mirage.auditing.network import Subject

TITLE = "Range of pixels"
SOURCE = "Carlini et al. 2019"
BLIND = "preprocessing other than a range, such as a mean for each channel"


def measure(subject: Subject, images: np.ndarray, labels: np.ndarray, **_: object) -> Indicator:
    """Yellow where the range was given and another is more plausible."""
    del images, labels
    found = subject.range
    own = f"{found.low:g}..{found.high:g}"
    numbers = {"low": found.low, "high": found.high, "rule": found.rule}
    for one in found.readings:
        numbers[f"accuracy_{one.low:g}_{one.high:g}"] = float(one.accuracy)
        numbers[f"margin_{one.low:g}_{one.high:g}"] = float(one.margin)
    sentence = " ".join(found.warnings) or f"The model takes pixels in {own} (by: {found.rule})."
    light = "yellow" if found.warnings else "green"
    return Indicator("pixel_range", TITLE, light, sentence, numbers, SOURCE, BLIND)
