"""Entries of the gradient that are 0 in the model's type, and are not in exact arithmetic.

Share of entries i with g_i = 0 and e_i != 0, g being the cross-entropy's gradient in the model's
type and e that of the log-odds in float64. Zeros of e are genuine: dead pixels, dead units.

Source: this project; the zeros of whole images are those of Pintor et al. 2022.
It cannot see: entries with the wrong sign; zeros that the model itself makes.
"""

import numpy as np

from mirage.auditing import slopes
from mirage.auditing.findings import Indicator
from mirage.auditing.network import Subject
from mirage.auditing.thresholds import ZEROS

TITLE = "Zeros that are not genuine"
SOURCE = "this project; for whole images Pintor et al. 2022"
BLIND = "entries with the wrong sign; zeros that the model itself makes"


def measure(subject: Subject, images: np.ndarray, labels: np.ndarray, **_: object) -> Indicator:
    """Yellow and red by the share; grey where nothing can be computed in float64."""
    if subject.wide is None:
        sentence = "The model cannot be computed in float64."
        return Indicator("zeros", TITLE, "grey", sentence, {}, SOURCE, BLIND)
    plain, exact = (
        slopes.direction(subject, images, labels, kind, "linf") for kind in slopes.LOSSES
    )
    genuine, zero = float((exact == 0).mean()), float((plain == 0).mean())
    lost = float(((plain == 0) & (exact != 0)).mean())
    light = "red" if lost >= ZEROS[1] else "yellow" if lost >= ZEROS[0] else "green"
    sentence = (
        f"{zero:.1%} of the gradient's entries are 0; {genuine:.1%} are in exact arithmetic, too; "
        f"{lost:.1%} are lost to rounding."
    )
    numbers = {"zero": zero, "genuine": genuine, "lost": lost}
    return Indicator("zeros", TITLE, light, sentence, numbers, SOURCE, BLIND)
