"""Signs of the gradient that are not the exact ones, along the whole path of an attack.

At each point of projected gradient descent along the plain gradient: the share of entries with
sign(g_i) != sign(e_i), g being the gradient of the cross-entropy in the model's type and e that of
the log-odds in float64. An entry where both are 0 agrees.

Source: this project (`mirage.attacks.gradients`).
It cannot see: a direction that is wrong in exact arithmetic, too, as where a layer saturates.
"""

import numpy as np

from mirage.attacks import gradients
from mirage.auditing import slopes
from mirage.auditing.findings import Indicator
from mirage.auditing.network import Subject
from mirage.auditing.thresholds import SIGNS

TITLE = "Signs along the attack"
SOURCE = "this project"
BLIND = "a direction that is wrong in exact arithmetic, too"
LOOKED_AT, STEPS = 200, 10


def measure(
    subject: Subject,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    epsilon: float,
    norm: str = "linf",
    **_: object,
) -> Indicator:
    """Yellow and red by the mean share over the path; grey where there is no float64."""
    if subject.wide is None:
        sentence = "The model cannot be computed in float64."
        return Indicator("signs", TITLE, "grey", sentence, {}, SOURCE, BLIND)
    images, labels = images[:LOOKED_AT], labels[:LOOKED_AT]
    points, wrong = images, []
    for _ in range(STEPS + 1):
        plain, exact = (
            slopes.slope(subject, points, labels, kind) for kind in (slopes.PLAIN, slopes.EXACT)
        )
        wrong.append(float((gradients.sign(plain) != gradients.sign(exact)).mean()))
        points = slopes.stepped(points, plain, images, 2 * epsilon / STEPS, epsilon, norm)
    share = float(np.mean(wrong))
    light = "red" if max(wrong[0], share) >= SIGNS[1] else "yellow"
    light = "green" if max(wrong[0], share) < SIGNS[0] else light
    sentence = (
        f"{share:.1%} of the signs that PGD follows are wrong: {wrong[0]:.1%} at "
        f"the image, {wrong[-1]:.1%} at the end."
    )
    numbers = {"path": share, "first": wrong[0], "last": wrong[-1], "largest": max(wrong)}
    return Indicator("signs", TITLE, light, sentence, numbers, SOURCE, BLIND)
