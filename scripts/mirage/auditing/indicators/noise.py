"""Whether the loss is noisy within the audited ball.

Along a line through the image, x + t v with v a random corner of the ball and t from -1 to 1, the
log-odds are computed at 16 points, in the model's type. Ups and downs are
sum |u_(i+1) - u_i| / (max u - min u), in the median image: 1 where u is monotone, about 5 where the
values are drawn at random.

Source: Pintor et al. 2022 (arXiv 2106.09947), on noisy losses; Carlini et al. 2019.
It cannot see: noise finer than a 15th of the ball, or along rare directions.
"""

import numpy as np

from mirage.auditing import slopes
from mirage.auditing.findings import Indicator
from mirage.auditing.network import Subject
from mirage.auditing.thresholds import NOISE

TITLE = "Loss within the ball"
SOURCE = "Pintor et al. 2022; Carlini et al. 2019"
BLIND = "noise finer than a 15th of the ball, or along rare directions"
LOOKED_AT, POINTS = 100, 16


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
    """Red where the loss goes up and down."""
    images, labels = images[:LOOKED_AT], labels[:LOOKED_AT]
    radius = epsilon if norm == "linf" else epsilon / np.sqrt(images.shape[1])
    generator = np.random.default_rng((seed, 2))
    way = 2 * generator.integers(0, 2, images.shape, np.int8) - 1
    line = np.stack([slopes.moved(images, way, radius * t) for t in np.linspace(-1, 1, POINTS)])
    values = slopes.odds(subject, line, labels, slopes.PLAIN)
    span = np.ptp(values, axis=0)
    # What is within rounding of the logits is no noise of the loss.
    flat = span <= 1e-5 * np.maximum(1, np.abs(values).max(axis=0))
    travelled = np.abs(np.diff(values, axis=0)).sum(axis=0)
    ups = np.where(flat, 1, travelled / np.where(flat, 1, span))
    number = float(np.median(ups))
    light = "red" if number >= NOISE else "green"
    sentence = (
        f"Along a line through the ball the loss travels {number:.1f} times its range: "
        f"{'it is noisy' if light == 'red' else '1 is monotone, 5 is noise'}."
    )
    numbers = {"ups_and_downs": number, "flat": float(flat.mean())}
    return Indicator("noise", TITLE, light, sentence, numbers, SOURCE, BLIND)
