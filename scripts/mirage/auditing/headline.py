"""Accuracy that is there by arithmetic alone: one attack, its gradient plain and exact."""

import numpy as np

from mirage.auditing import slopes
from mirage.auditing.attempts import survivors
from mirage.auditing.findings import Curve, Example, Headline, Point, Signs
from mirage.auditing.network import Subject
from mirage.auditing.slopes import EXACT, PLAIN
from mirage.auditing.statistics import difference, mcnemar, share
from mirage.models import measures

# Of the range of pixels in L-infinity, beside the epsilons asked for; 0.5 makes every image grey.
GRID = (0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
# Halvings of an interval of epsilons: to a thousandth of the range.
HALVINGS = 10


def measure(
    subject: Subject,
    images: np.ndarray,
    labels: np.ndarray,
    attack: str,
    *,
    epsilon: float,
    norm: str,
    seed: int,
) -> Headline:
    """Make an attack twice with the same budget and start, plain and exact.

    The plain one follows the gradient of the cross-entropy of the logits in the model's type. The
    exact one follows that of the log-odds, whose direction is the same in exact arithmetic
    (`mirage.attacks.gradients`); for one step it is computed in float64. Both step, and are judged,
    in the model's type.

    Args:
        subject: What is audited.
        images: Shape (n, d), in 0 to 1.
        labels: Shape (n,), integers.
        attack: `fgsm` (in L2 one step along the gradient itself) or `pgd`.
        epsilon: Size in `norm`.
        norm: `linf` or `l2`.
        seed: Of random starts.
    """
    plain, exact = (
        survivors(subject, images, labels, f"{attack}_{kind}", epsilon, norm, seed)
        for kind in (PLAIN, EXACT)
    )
    return Headline(
        *(attack, epsilon, norm, share(plain), share(exact)),
        *difference(plain, exact),
        mcnemar(plain, exact),
        int((plain & ~exact).sum()),
        int((exact & ~plain).sum()),
        plain,
        exact,
    )


def curve(
    subject: Subject,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    epsilons: tuple[float, ...],
    norm: str,
) -> Curve:
    """Accuracy under one step by epsilon, and the smallest at which it is half of the clean one.

    Args:
        subject, images, labels, norm: As in `measure`.
        epsilons: Points beside those of `GRID`, which in L2 are shares of the length that white is
            away from black.
    """
    largest = 1.0 if norm == "linf" else float(np.sqrt(images.shape[1]))
    grid = sorted({*(largest * one for one in GRID), *epsilons})
    ways = {kind: slopes.direction(subject, images, labels, kind, norm) for kind in (PLAIN, EXACT)}

    def right(kind: str, epsilon: float) -> np.ndarray:
        return slopes.right(subject, slopes.moved(images, ways[kind], epsilon), labels)

    points = tuple(
        Point(epsilon, *(share(right(kind, epsilon)) for kind in ways)) for epsilon in grid
    )

    def half(kind: str) -> float | None:
        wanted = points[0].plain.value / 2
        reached = [getattr(one, kind).value <= wanted for one in points]
        if True not in reached[1:]:
            return None
        place = reached.index(True, 1)
        low, high = grid[place - 1], grid[place]
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            if right(kind, middle).mean() <= wanted:
                high = middle
            else:
                low = middle
        return high

    return Curve(norm, points, half(PLAIN), half(EXACT))


def signs(subject: Subject, images: np.ndarray, labels: np.ndarray) -> Signs | None:
    """Hold the signs of the plain gradient at clean images against the exact ones.

    None where the model cannot be computed in float64. Arguments as in `measure`.
    """
    if subject.wide is None:
        return None
    plain, exact = (
        slopes.direction(subject, images, labels, kind, "linf") for kind in (PLAIN, EXACT)
    )
    wrong = plain != exact
    return Signs(
        float(wrong.mean()),
        float((plain == 0).mean()),
        float((exact == 0).mean()),
        wrong.mean(axis=0).reshape(subject.shape),
        wrong.mean(axis=1),
    )


def examples(
    subject: Subject,
    images: np.ndarray,
    labels: np.ndarray,
    headline: Headline,
    *,
    count: int = 6,
) -> tuple[Example, ...]:
    """Some images before and after one step: first those that the exact step alone misleads.

    Args:
        subject, images, labels: As in `measure`.
        headline: Of `fgsm`.
        count: How many, at most.
    """
    order = np.lexsort((headline.right_exact, ~(headline.right_plain & ~headline.right_exact)))
    chosen = np.sort(order[:count])
    seen = {"clean": images[chosen]}
    for kind in (PLAIN, EXACT):
        way = slopes.direction(subject, images, labels, kind, headline.norm)[chosen]
        seen[kind] = slopes.moved(images[chosen], way, headline.epsilon)
    answers = {name: measures.classes(slopes.logits(subject, one)) for name, one in seen.items()}
    pictures = [one.reshape(-1, *subject.shape) for one in seen.values()]
    return tuple(
        Example(
            int(index),
            int(labels[index]),
            {name: int(one[row]) for name, one in answers.items()},
            *(one[row] for one in pictures),
        )
        for row, index in enumerate(chosen)
    )
