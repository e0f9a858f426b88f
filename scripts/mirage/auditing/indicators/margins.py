"""Logit margins beyond which signs begin to be wrong.

The margin is m = z_y - max_{j != y} z_j. Where exp(-m) is less than half of the type's machine
epsilon, p_y rounds to 1 and the term p_y - 1 of the gradient to 0: m > 16.6 in float32, 36.7 in
float64.

Source: this project (`mirage.attacks.gradients`); Carlini and Wagner 2017 (arXiv 1608.04644), on
the logits of distilled networks.
It cannot see: whether accuracy is lost by it: the signs that are left may do.
"""

import numpy as np

from mirage.auditing import slopes
from mirage.auditing.findings import Indicator, Margins
from mirage.auditing.network import Subject
from mirage.auditing.thresholds import LOSS, MARGINS
from mirage.models import measures, networks

TITLE = "Logit margins"
SOURCE = "this project; Carlini and Wagner 2017"
BLIND = "whether accuracy is lost by it"


def margins(subject: Subject, images: np.ndarray, labels: np.ndarray) -> Margins:
    """The margins, and how many lie beyond what each type can hold."""
    dtype = networks.dtype_of(subject.network)
    values = measures.logit_margins(slopes.logits(subject, images), labels)
    quantiles = np.nanquantile(values, measures.QUANTILES)
    return Margins(
        dtype,
        float(np.nanmedian(values)),
        {
            f"q{one:g}": float(value)
            for one, value in zip(measures.QUANTILES, quantiles, strict=True)
        },
        MARGINS,
        {name: float((values > most).mean()) for name, most in MARGINS.items()},
        values,
    )


def measure(subject: Subject, images: np.ndarray, labels: np.ndarray, **_: object) -> Indicator:
    """Yellow where a share that counts lies beyond the model's type, red where most do."""
    found = margins(subject, images, labels)
    beyond = found.beyond[found.dtype]
    light = "red" if beyond >= 0.5 else "yellow" if beyond >= LOSS else "green"
    sentence = (
        f"The median margin is {found.median:.1f}; {beyond:.1%} of the margins lie beyond "
        f"{MARGINS[found.dtype]}, where {found.dtype} begins to lose signs."
    )
    numbers = {"median": found.median} | {f"beyond_{k}": v for k, v in found.beyond.items()}
    return Indicator("margins", TITLE, light, sentence, numbers, SOURCE, BLIND)
