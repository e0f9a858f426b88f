"""The worst case of each image over all attacks."""

import time

import numpy as np

from mirage.auditing import slopes
from mirage.auditing.attempts import QUERIES, square_fits, survivors, with_queries
from mirage.auditing.findings import Attempt, Worst
from mirage.auditing.known import remembered
from mirage.auditing.network import Subject
from mirage.auditing.statistics import share


@remembered
def measure(
    subject: Subject,
    images: np.ndarray,
    labels: np.ndarray,
    epsilon: float,
    norm: str,
    seed: int,
    queries: int = QUERIES,
) -> Worst:
    """Attack every image by all that there is, each attack on those that none before it misled.

    An image counts as right where no attack misleads the model on it (Carlini et al. 2019, arXiv
    1902.06705).

    Args:
        subject: What is audited.
        images: Shape (n, d), in 0 to 1.
        labels: Shape (n,), integers.
        epsilon: Size in `norm`.
        norm: `linf` or `l2`; some attacks are there in one alone.
        seed: Of what is drawn at random.
        queries: Of the Square Attack.
    """
    attacks = with_queries(queries)
    misled_by = np.full(len(images), "", dtype=f"<U{max(map(len, attacks))}")
    misled_by[~slopes.right(subject, images, labels)] = "clean"
    attempts = []
    for name, attack in attacks.items():
        if norm not in attack.norms or (name == "square" and not square_fits(subject)):
            continue
        began = time.perf_counter()
        left = np.flatnonzero(misled_by == "")
        if name.startswith(("fgsm", "pgd")):  # of all images, as the headline has them
            kept = survivors(subject, images, labels, name, epsilon, norm, seed)[left]
        elif len(left):
            made = attack.make(subject, images[left], labels[left], epsilon, norm, seed)
            kept = slopes.right(subject, made, labels[left])
        else:
            kept = np.ones(0, bool)
        misled_by[left[~kept]] = name
        spent = time.perf_counter() - began
        accuracy, misled = share(misled_by == ""), int((~kept).sum())
        attempts.append(Attempt(name, epsilon, len(left), misled, accuracy, attack.budget, spent))
    return Worst(epsilon, norm, share(misled_by == ""), tuple(attempts), misled_by)
