"""Whether the gradient is that of the function: central differences in float64.

With u the log-odds, v a random direction of signs and g the gradient of u,
D(h) = (u(x + h v) - u(x - h v)) / 2h is held against g v, twice: at h = 1e-6, where D is the
derivative, and at h = epsilon / 2, where it is the slope across the audited ball. The image is
moved inwards by h, so that no pixel leaves 0 to 1. At the small step it is also moved by a random
vector of up to 0.001 a pixel: on a black background the values under a max pooling are equal, and
where they are there is no derivative that D could be held against.

At the small step `near` is the median over images of |D - g v| / (|D| + |g v|), each the root of
the mean square over the directions; 1 where one of them is 0. At the large one `far` is the median
of |g v| / |D|.

Source: Carlini et al. 2019 (arXiv 1902.06705), on numerical gradients; Athalye et al. 2018 (arXiv
1802.00420), section 3.1 (shattered gradients).
It cannot see: masking along directions that are rare among random ones.
"""

import numpy as np

from mirage.auditing import slopes
from mirage.auditing.findings import Indicator
from mirage.auditing.network import Subject
from mirage.auditing.thresholds import SLOPE_FAR, SLOPE_NEAR

TITLE = "The gradient is that of the function"
SOURCE = "Carlini et al. 2019; Athalye et al. 2018, section 3.1"
BLIND = "masking along directions that are rare among random ones"
LOOKED_AT, DIRECTIONS, STEP = 50, 10, 1e-6
ASIDE = 1e-3  # of a pixel, so that none equals its neighbour
MOST = 1e9  # of a ratio, where the function does not move at all


def measure(
    subject: Subject,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    epsilon: float,
    seed: int,
    norm: str = "linf",
    **_: object,
) -> Indicator:
    """Red where the function moves and its gradient does not say so, or the other way round."""
    if subject.wide is None:
        sentence = "The model cannot be computed in float64."
        return Indicator("differences", TITLE, "grey", sentence, {}, SOURCE, BLIND)
    images, labels = images[:LOOKED_AT].astype(np.float64), labels[:LOOKED_AT]
    # A corner of the ball in L2 with the same length.
    radius = epsilon if norm == "linf" else epsilon / np.sqrt(images.shape[1])
    generator = np.random.default_rng((seed, 1))
    shape = (DIRECTIONS, 1, images.shape[1])
    ways = 2.0 * generator.integers(0, 2, shape) - 1
    aside = ASIDE + (1 - 2 * ASIDE) * images + generator.uniform(-ASIDE, ASIDE, images.shape)
    near = _compared(subject, aside, labels, ways, STEP)
    far = _compared(subject, images, labels, ways, max(radius / 2, STEP))
    numbers = {"near": near[0], "far": far[1], "step": STEP, "far_step": radius / 2}
    wrong, flat = near[0] > SLOPE_NEAR, far[1] < SLOPE_FAR
    if wrong:
        sentence = (
            f"Along random directions the gradient is not the function's: they are apart by "
            f"{near[0]:.2f} of their size."
        )
    elif flat:
        sentence = (
            f"Across the ball the function has a slope of which the gradient shows {far[1]:.1%}: "
            "it is flat at the images."
        )
    else:
        sentence = (
            f"Along random directions gradient and function agree to {near[0]:.1g}; across the "
            f"ball the gradient shows {far[1]:.0%} of the slope."
        )
    light = "red" if wrong or flat else "green"
    return Indicator("differences", TITLE, light, sentence, numbers, SOURCE, BLIND)


def _compared(
    subject: Subject, images: np.ndarray, labels: np.ndarray, ways: np.ndarray, step: float
) -> tuple[float, float]:
    """Medians over the images: how far the slopes are apart, and of which share one is."""
    inside = step + (1 - 2 * step) * images
    ends = [
        slopes.odds(subject, inside + sign * step * ways, labels, slopes.EXACT) for sign in (1, -1)
    ]
    secant = (ends[0] - ends[1]) / (2 * step)
    gradient = slopes.slope(subject, inside, labels, slopes.EXACT)
    along = (gradient * ways).sum(axis=2)
    size = [np.sqrt((one**2).mean(axis=0)) for one in (secant, along, secant - along)]
    # What float64 cannot tell from no slope at all.
    rounding = 1e-8 * np.maximum(1, np.abs(ends).max(axis=(0, 1))) * STEP / step
    apart = size[2] / (size[0] + size[1] + rounding)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.nan_to_num(size[1] / size[0], nan=1.0, posinf=MOST)
    return float(np.median(apart)), float(min(np.median(share), MOST))
