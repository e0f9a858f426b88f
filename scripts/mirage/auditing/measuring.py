"""All that an audit measures, in one call."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from mirage.auditing import eyes, headline, indicators, slopes, worst
from mirage.auditing.attempts import QUERIES
from mirage.auditing.errors import AuditError
from mirage.auditing.findings import Findings
from mirage.auditing.indicators.margins import margins
from mirage.auditing.network import Subject
from mirage.auditing.statistics import share
from mirage.models import measures


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Let TensorFlow not warn that it compiles an attack anew: here each is for other images."""
    logger = tf.get_logger()

    def passes(record: object) -> bool:
        return "retracing" not in record.getMessage()

    logger.addFilter(passes)
    try:
        yield
    finally:
        logger.removeFilter(passes)


@_quiet()
def find(
    subject: Subject,
    *,
    epsilons: Sequence[float],
    norm: str = "linf",
    seed: int = 0,
    quick: bool = False,
    queries: int = QUERIES,
    tell: Callable[[str], object] = lambda text: None,
) -> Findings:
    """Measure everything on the images of a subject.

    Args:
        subject: As `mirage.auditing.network.prepare` gives it.
        epsilons: Sizes in `norm`, above 0, pixels lying in 0 to 1. The indicators are measured at
            the largest.
        norm: `linf` or `l2`.
        seed: Of all that is drawn at random, at least 0.
        quick: Whether to make gradients and one-step attacks only.
        queries: Of the Square Attack.
        tell: Is called with a few words before each part, for a person who waits.

    Raises:
        AuditError: An epsilon is not above 0, or larger than the range of pixels; or the norm is
            another.
    """
    began = time.perf_counter()
    images, labels = subject.images, subject.labels
    if norm not in ("linf", "l2"):
        raise AuditError(f"norm {norm!r}: allowed are linf and l2.")
    most = 1.0 if norm == "linf" else float(np.sqrt(images.shape[1]))
    epsilons = tuple(sorted({float(one) for one in epsilons}))
    if not epsilons or not all(0 < one <= most for one in epsilons):
        raise AuditError(
            f"epsilon {', '.join(f'{one:g}' for one in epsilons) or 'missing'}: it must be above 0 "
            f"and at most {most:g}, pixels lying in 0 to 1."
        )
    tell("clean accuracy")
    predictions = measures.classes(slopes.logits(subject, images))
    headlines, worsts, seen = [], [], []
    for epsilon in epsilons:
        for attack in ("fgsm",) if quick else ("fgsm", "pgd"):
            tell(f"{attack}, plain and exact, epsilon {epsilon:g}")
            found = headline.measure(
                *(subject, images, labels, attack), epsilon=epsilon, norm=norm, seed=seed
            )
            headlines.append(found)
        if norm == "linf":
            tell(f"through whose eyes, epsilon {epsilon:g}")
            seen += eyes.measure(subject, images, labels, epsilon=epsilon)
        if not quick:
            tell(f"worst case, epsilon {epsilon:g}")
            worsts.append(worst.measure(subject, images, labels, epsilon, norm, seed, queries))
    indicated = []
    for module in indicators.modules(quick):
        tell(module.TITLE)
        one = module.measure(
            *(subject, images, labels),
            **{"epsilon": epsilons[-1], "seed": seed, "norm": norm, "queries": queries},
        )
        indicated.append(one)
    tell("accuracy by epsilon")
    largest = next(one for one in reversed(headlines) if one.attack == "fgsm")
    return Findings(
        images=len(images),
        epsilons=epsilons,
        norm=norm,
        seed=seed,
        quick=quick,
        clean=share(predictions == labels),
        headlines=tuple(headlines),
        worst=tuple(worsts),
        indicators=tuple(indicated),
        eyes=tuple(seen),
        curve=headline.curve(subject, images, labels, epsilons=epsilons, norm=norm),
        margins=margins(subject, images, labels),
        signs=headline.signs(subject, images, labels),
        examples=headline.examples(subject, images, labels, largest),
        seconds=time.perf_counter() - began,
        labels=labels,
        predictions=predictions,
    )
