"""Whether an attack that sees no gradient of the model finds what those that do have missed.

Share of all images that gradients do not mislead, and random corners of the ball, examples
transferred from a network of ours, or the Square Attack do.

Source: Athalye et al. 2018 (arXiv 1802.00420), section 3.1; Carlini et al. 2019.
It cannot see: what a longer search would find, as that of the Square Attack with 5,000 queries.
"""

import numpy as np

from mirage.auditing import worst
from mirage.auditing.attempts import ATTACKS, QUERIES
from mirage.auditing.findings import Indicator
from mirage.auditing.network import Subject
from mirage.auditing.thresholds import LOSS

TITLE = "Black box finds no more"
SOURCE = "Athalye et al. 2018, section 3.1; Carlini et al. 2019"
BLIND = "what a longer search would find"


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
    """Red where the share counts, yellow where there is any."""
    found = worst.measure(subject, images, labels, epsilon, norm, seed, queries)
    made = [one for one in found.attempts if ATTACKS[one.attack].blind]
    misled = sum(one.misled for one in made)
    share = misled / len(images)
    light = "red" if share >= LOSS else "yellow" if misled else "green"
    each = ", ".join(f"{ATTACKS[one.attack].title} {one.misled}" for one in made)
    sentence = (
        f"Attacks without a gradient mislead {misled} of the {made[0].tried} images that gradients "
        f"have left, of {len(images)}: {each}."
    )
    numbers = {"more": share} | {one.attack: one.misled for one in made}
    return Indicator("black_box", TITLE, light, sentence, numbers, SOURCE, BLIND)
