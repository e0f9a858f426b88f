"""Shares of images and their differences, with intervals."""

import numpy as np
from scipy.stats import binomtest, norm

from mirage.auditing.findings import Share

LEVEL = 0.95  # of all intervals


def share(which: np.ndarray) -> Share:
    """The share of images of which something is so, from bools (n,), n at least 1.

    Its interval is exact (Clopper and Pearson 1934, Biometrika 26).
    """
    found = binomtest(int(which.sum()), len(which))
    ends = found.proportion_ci(LEVEL, method="exact")
    return Share(found.statistic, found.k, found.n, float(ends.low), float(ends.high))


def difference(one: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """The share of `one` minus that of `other`, both bools (n,) of the same images; and its ends.

    With b images of one alone and c of the other alone, p = (b + 1) / (n + 2) and
    q = (c + 1) / (n + 2), the 95 % interval is p - q +- z * sqrt((p + q - (p - q)^2) / (n + 2))
    (Bonett and Price 2012, J. Educ. Behav. Stat. 37, the adjusted Wald interval of paired data).
    """
    n = len(one) + 2
    p, q = (((a & ~b).sum() + 1) / n for a, b in ((one, other), (other, one)))
    z = norm.ppf((1 + LEVEL) / 2)
    half = z * np.sqrt((p + q - (p - q) ** 2) / n)
    return float(one.mean() - other.mean()), float(p - q - half), float(p - q + half)


def mcnemar(one: np.ndarray, other: np.ndarray) -> float:
    """McNemar's exact p-value of whether two shares of the same images are equal.

    Of the images of one alone and of the other alone each is as likely (binomial test, two-sided).
    1 where there are none.
    """
    b, c = int((one & ~other).sum()), int((other & ~one).sum())
    return float(binomtest(b, b + c).pvalue) if b + c else 1.0
