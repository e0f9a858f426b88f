"""What the model's output is, and whether its logits could be recovered.

The logits z are those of the layer before the softmax or sigmoid; they are recovered where
softmax(z) is the output, in float64. Else they are the output's logarithm, which is wrong where a
probability is rounded to 0 or 1.

Source: Carlini and Wagner 2017 (arXiv 1608.04644); ART#367, foolbox#618.
It cannot see: a temperature, or another increasing function, that was put over the logits.
"""

import numpy as np

from mirage.auditing import slopes
from mirage.auditing.findings import Indicator
from mirage.auditing.network import Subject
from mirage.auditing.thresholds import LOSS
from mirage.models import networks

TITLE = "Kind of output, logits recovered"
SOURCE = "Carlini and Wagner 2017; ART#367, foolbox#618"
BLIND = "a temperature that was put over the logits"


def measure(subject: Subject, images: np.ndarray, labels: np.ndarray, **_: object) -> Indicator:
    """Yellow where the logits are the output's logarithm; red where what is lost may count."""
    del labels
    found = subject.output
    if found.recovered:
        light, lost = "green", 0
        checked = "" if found.difference is None else f", checked to {found.difference:.1g}"
        sentence = f"The model gives {found.kind}; its logits are known{checked}."
    else:
        probabilities = np.exp(slopes.logits(subject, images).astype(np.float64))
        tiny = float(np.finfo(np.float32).tiny)
        ends = (probabilities <= 2 * tiny) | (probabilities == 1)
        lost = int(ends.any(axis=1).sum())
        light = "red" if lost >= LOSS * len(images) else "yellow"
        sentence = (
            f"The model gives {found.kind}, and its logits could not be recovered. Of {lost} of "
            f"{len(images)} images a probability is 0 or 1 in {networks.dtype_of(subject.network)}:"
            " no attack that follows a gradient has what was beyond."
        )
    numbers = {"kind": found.kind, "recovered": int(found.recovered), "at_the_end": lost}
    return Indicator("output_kind", TITLE, light, sentence, numbers, SOURCE, BLIND)
