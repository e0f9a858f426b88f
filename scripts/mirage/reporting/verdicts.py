"""The verdicts, and the one rule from values over seeds to a verdict.

A condition claims that a number lies between bounds: a mean within a tolerance of the published
one, a difference above zero, a distance below a limit. The two-sided interval of 1 - 2 * ALPHA over
seeds lies between them: reproduced. It lies outside: not reproduced. It does neither: undecided. So
each bound is a one-sided t-test at ALPHA, and two of them are the equivalence test of Schuirmann
1987, J. Pharmacokinet. Biopharm. 15, 657. The p-value is that of the claim being established: it is
below ALPHA exactly where the verdict is reproduced.

All seeds see the same images. Where these are a sample, their error is not in the spread over seeds
and not made smaller by more of them; the two are independent, so that their variances add.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

REPRODUCED = "reproduced"
PARTLY = "partly"
UNDECIDED = "undecided"
NOT_REPRODUCED = "not reproduced"
FITTED = "fitted"
MEASURED = "measured"
NOT_TESTABLE = "not testable here"
NOT_GIVEN = "data not given"
NO_DATA = "no data"
VERDICTS = (
    *(REPRODUCED, PARTLY, UNDECIDED, NOT_REPRODUCED),
    *(FITTED, MEASURED, NOT_TESTABLE, NOT_GIVEN, NO_DATA),
)

# Probability of an error of the first kind in every one-sided test.
ALPHA = 0.05
# Below this there is no spread, but rounding: 0.3 - 0.2 and 0.4 - 0.3 differ in the last bits.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Estimate:
    """A number over seeds, its interval of 1 - 2 * ALPHA and the verdict on it.

    Scalars or arrays of one shape. The p-value is NaN where the seeds are equal; it is NaN, and so
    is the interval, of one seed.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p_value: np.ndarray
    verdict: np.ndarray


def closed(tolerance: float) -> float:
    """A tolerance that the rounding of a difference that is the tolerance itself stays within."""
    return tolerance * (1 + 1e-9) + ROUNDING


def image_error(share: float, images: int) -> float:
    """Half the width of the interval of 1 - 2 * ALPHA of a share of images (Clopper, Pearson 1934).

    Args:
        share: 0 to 1.
        images: How many it is a share of.
    """
    test = stats.binomtest(round(share * images), images)
    interval = test.proportion_ci(1 - 2 * ALPHA, "exact")
    return (interval.high - interval.low) / 2


def over_seeds(
    values: np.ndarray,
    others: np.ndarray | None = None,
    above: float = -np.inf,
    below: float = np.inf,
    error: float = 0.0,
) -> Estimate:
    """Whether a mean over seeds, or a difference of two means, lies between bounds.

    Variances add, with the degrees of freedom of Satterthwaite 1946, Biometrics Bull. 2, 110: of
    one sample this is Student's t-test, of two Welch's.

    Args:
        values: Shape (..., seeds).
        others: Shape (..., seeds), of other networks, to be taken off.
        above, below: The bounds, of which one may be infinite.
        error: Half the width of the interval of 1 - 2 * ALPHA that the images leave, which all
            seeds share.
    """
    samples = [np.asarray(one, dtype=float) for one in (values, others) if one is not None]
    mean = samples[0].mean(axis=-1) - sum(one.mean(axis=-1) for one in samples[1:])
    if min(one.shape[-1] for one in samples) < 2:
        unknown = np.full_like(mean, np.nan)
        return _decided(mean, unknown, unknown, unknown, above, below)
    parts = [(one.var(axis=-1, ddof=1) / one.shape[-1], one.shape[-1] - 1) for one in samples]
    variance = sum(part for part, _ in parts) + (error / stats.norm.ppf(1 - ALPHA)) ** 2
    with np.errstate(all="ignore"):  # of equal values, which are dealt with below
        freedom = variance**2 / sum(part**2 / free for part, free in parts)
        half = stats.t.ppf(1 - ALPHA, freedom) * np.sqrt(variance)
        sides = ((mean - above, above), (below - mean, below))
        p_values = [stats.t.sf(d / np.sqrt(variance), freedom) for d, b in sides if np.isfinite(b)]
    equal = ~(2 * half >= ROUNDING)
    half = np.where(equal, 0, half)
    p_value = np.where(equal, np.nan, np.max(p_values, axis=0))
    return _decided(mean, mean - half, mean + half, p_value, above, below)


def distance(differences: np.ndarray, tolerance: float, error: float = 0.0) -> Estimate:
    """Whether the root mean square distance of a mean curve from another is within a tolerance.

    Each seed's difference is projected on the mean one: the mean of these projections is the
    distance, and their t-test bounds it from above (delta method). Where the seeds differ much, the
    distance of their mean is large though the true one is 0; so it is bounded from below by the
    triangle inequality, with the root mean square error of all points.

    Args:
        differences: Measured minus published values, shape (..., seeds, points).
        tolerance: Largest distance.
        error: As of `over_seeds`, the root mean square over points: of their projection it is no
            larger, however they go together.
    """
    seeds, points = differences.shape[-2:]
    away = differences.mean(axis=-2, keepdims=True)
    size = np.maximum(np.sqrt((away**2).sum(axis=-1)), ROUNDING)
    found = over_seeds(
        (differences * away).sum(axis=-1) / size / math.sqrt(points),
        below=closed(tolerance),
        error=error,
    )
    if seeds < 2:
        return found
    spread = np.sqrt(differences.var(axis=-2, ddof=1).mean(axis=-1) / seeds)
    half = np.hypot(stats.t.ppf(1 - ALPHA, seeds - 1) * spread, error)
    low = np.maximum(found.mean - half, 0)
    return _decided(found.mean, low, found.high, found.p_value, -np.inf, closed(tolerance))


def correlated(
    first: np.ndarray, second: np.ndarray, above: float = -1.0, below: float = 1.0
) -> Estimate:
    """Whether the correlation of two values over seeds (Pearson's r) lies between bounds.

    By the interval of Fisher 1921, Metron 1, 3, as SciPy has it.

    Args:
        first, second: Shape (seeds,), at least four.
        above, below: The bounds, one of which is -1 or 1 and bounds nothing.
    """
    r = stats.pearsonr(first, second).statistic
    z, half = np.arctanh(r), 1 / math.sqrt(len(first) - 3)
    low, high = np.tanh(z + stats.norm.ppf([ALPHA, 1 - ALPHA]) * half)
    away = z - np.arctanh(above) if above > -1 else np.arctanh(below) - z
    above, below = (above if above > -1 else -np.inf), (below if below < 1 else np.inf)
    return _decided(*map(np.asarray, (r, low, high, stats.norm.sf(away / half))), above, below)


def _decided(
    mean: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    p_value: np.ndarray,
    above: float,
    below: float,
) -> Estimate:
    inside = (low > above) & (high < below)
    outside = (high <= above) | (low >= below)
    verdict = np.select([inside, outside], [REPRODUCED, NOT_REPRODUCED], UNDECIDED)
    return Estimate(mean, low, high, p_value, verdict)


def whole(verdicts: Sequence[str]) -> str:
    """The verdict on parts that must all hold: the worst one."""
    return next(v for v in (NOT_REPRODUCED, UNDECIDED, REPRODUCED) if v in verdicts)


def family(verdicts: Sequence[str]) -> str:
    """The verdict on a claim by those of its conditions.

    One is refuted: the claim is partly reproduced if another one holds, else not reproduced. None
    is: rows that are not there, and then doubt, go before what holds.
    """
    if NOT_REPRODUCED in verdicts:
        return PARTLY if REPRODUCED in verdicts else NOT_REPRODUCED
    return next(v for v in (NO_DATA, UNDECIDED, REPRODUCED, MEASURED) if v in verdicts)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """P-values adjusted for their number (Holm 1979, Scand. J. Stat. 6, 65); NaN stays NaN."""
    p_values = np.asarray(p_values, dtype=float)
    order = np.argsort(p_values)[: np.isfinite(p_values).sum()]
    steps = p_values[order] * np.arange(len(order), 0, -1)
    adjusted = np.full_like(p_values, np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted


def p_text(p_value: float) -> str:
    """A p-value as text; a very small one is no number to rely on."""
    return "p < 0.0001" if p_value < 1e-4 else f"p = {p_value:.2g}"
