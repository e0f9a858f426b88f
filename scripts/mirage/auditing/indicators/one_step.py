"""Whether one step finds what many do not, or overshoots what a shorter one finds.

`beats_many`: share of the images that FGSM misleads and PGD does not, both exact; it counts where
the accuracy under many steps is above that under one, too, beyond chance. `overshoots`: share of
the images that FGSM does not mislead, and a shorter step in the same direction does (a quarter,
half or three quarters of epsilon). A network that was trained on FGSM examples answers rightly at
the end of that step alone. Where many steps find far more than one, the loss is curved within the
ball: no mask by itself, but what one step says is no robustness.

Source: Athalye et al. 2018 (arXiv 1802.00420), section 3.1; Tramer et al. 2018 (arXiv 1705.07204),
on single-step training; Kurakin et al. 2017 (arXiv 1611.01236), on label leaking.
It cannot see: masking that weakens one step and many alike.
"""

import numpy as np

from mirage.auditing import slopes
from mirage.auditing.attempts import survivors
from mirage.auditing.findings import Indicator
from mirage.auditing.network import Subject
from mirage.auditing.statistics import difference
from mirage.auditing.thresholds import GAP, LOSS, OVERSHOT

TITLE = "One step and many"
SOURCE = "Athalye et al. 2018, section 3.1; Tramer et al. 2018"
BLIND = "masking that weakens one step and many alike"
SHORTER = (0.25, 0.5, 0.75)


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
    """Red where one of the shares counts, yellow where many steps find far more than one."""
    one, many = (
        survivors(subject, images, labels, name, epsilon, norm, seed)
        for name in ("fgsm_exact", "pgd_exact")
    )
    way = slopes.direction(subject, images, labels, slopes.EXACT, norm)
    kept = one.copy()
    for share in SHORTER:
        kept &= slopes.right(subject, slopes.moved(images, way, share * epsilon), labels)
    numbers = {
        "one": float(one.mean()),
        "many": float(many.mean()),
        "beats_many": float((~one & many).mean()),
        "overshoots": float((one & ~kept).mean()),
    }
    numbers["more"], numbers["low"], _ = difference(many, one)
    beats = numbers["more"] >= LOSS and numbers["low"] > 0
    fired = beats or numbers["overshoots"] >= OVERSHOT
    sentence = (
        f"One step leaves {numbers['one']:.3f}, many leave {numbers['many']:.3f}. "
        f"{numbers['beats_many']:.1%} of the images are misled by one step and not by many, "
        f"{numbers['overshoots']:.1%} by a shorter step and not by the whole one."
    )
    curved = numbers["one"] - numbers["many"] >= GAP
    light = "red" if fired else "yellow" if curved else "green"
    return Indicator("one_step", TITLE, light, sentence, numbers, SOURCE, BLIND)
