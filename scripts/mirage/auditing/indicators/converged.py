"""Whether more effort changes the worst case.

After all attacks Auto-PGD is made again on the images that are left, with twice the steps and twice
the starts: share of all images that this misleads.

Source: Carlini et al. 2019 (arXiv 1902.06705); Pintor et al. 2022.
It cannot see: what ten times the effort would find.
"""

import numpy as np

from mirage.auditing import worst
from mirage.auditing.attempts import QUERIES
from mirage.auditing.findings import Indicator
from mirage.auditing.network import Subject
from mirage.auditing.thresholds import LOSS

TITLE = "More effort changes nothing"
SOURCE = "Carlini et al. 2019; Pintor et al. 2022"
BLIND = "what ten times the effort would find"


def measure(
    subject: Subject,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    epsilon: float,
    seed: int,
    norm: str = "linf",
    queries: int = QUERIES,
    **_: object,
) -> Indicator:
    """Red where the doubled attack misleads a share that counts, yellow where any."""
    found = worst.measure(subject, images, labels, epsilon, norm, seed, queries)
    (last,) = [one for one in found.attempts if one.attack == "doubled"]
    share = last.misled / len(images)
    light = "red" if share >= LOSS else "yellow" if last.misled else "green"
    sentence = (
        f"Twice the steps and starts mislead {last.misled} more of {len(images)} images, of the "
        f"{last.tried} that were left."
    )
    numbers = {"more": share, "misled": last.misled, "tried": last.tried}
    return Indicator("converged", TITLE, light, sentence, numbers, SOURCE, BLIND)
