"""Whether the model gives an image one answer, whatever stands beside it.

The same images are asked about twice; one by one instead of together; and with the training flag.
With f the logits, the difference is max |f - f'| / max(1, max |f|). Only the first two count: the
training flag is for dropout and normalization to see, and is noted.

Source: Athalye et al. 2018 (arXiv 1802.00420), section 5.3 (stochastic gradients); AutoAttack's
check for randomized defences; TRADES#3, foolbox#648 (batches).
It cannot see: randomness that is drawn once, when the model is built.
"""

import numpy as np
import tensorflow as tf

from mirage.auditing.findings import Indicator
from mirage.auditing.network import Subject
from mirage.auditing.thresholds import ANSWERS
from mirage.models import networks

TITLE = "One answer for one image"
SOURCE = "Athalye et al. 2018, section 5.3; AutoAttack's checks"
BLIND = "randomness that is drawn once, when the model is built"
LOOKED_AT, ALONE = 100, 8  # images together, and one by one


def measure(subject: Subject, images: np.ndarray, labels: np.ndarray, **_: object) -> Indicator:
    """Red where answers differ by more than rounding."""
    del labels
    dtype = networks.dtype_of(subject.network)
    pixels = tf.cast(images[:LOOKED_AT], dtype)
    # Weights that training changes as it runs, such as means of a batch, are put back.
    kept = [one.numpy() for one in subject.network.non_trainable_variables]

    def ask(part: tf.Tensor, training: bool = False) -> np.ndarray:
        return subject.network(part, training=training).numpy().astype(np.float64)

    first = ask(pixels)
    alone = np.concatenate([ask(pixels[i : i + 1]) for i in range(min(ALONE, len(pixels)))])
    numbers = {
        "again": _apart(first, ask(pixels)),
        "alone": _apart(first[: len(alone)], alone),
        "training": _apart(first, ask(pixels, training=True)),
    }
    for variable, value in zip(subject.network.non_trainable_variables, kept, strict=True):
        variable.assign(value)
    close = ANSWERS[dtype]
    if numbers["again"] > close:
        light, sentence = (
            "red",
            (
                f"The model is random: asked twice, its logits differ by {numbers['again']:.2g} of "
                "their size. One gradient is that of one draw."
            ),
        )
    elif numbers["alone"] > close:
        light, sentence = (
            "red",
            (
                "An answer depends on the images beside it: alone, logits differ by "
                f"{numbers['alone']:.2g} of their size."
            ),
        )
    else:
        light, sentence = "green", "The model gives an image one answer, whatever stands beside it."
    if light == "green" and numbers["training"] > close:
        sentence += " With the training flag it answers otherwise, as dropout and normalization do."
    return Indicator("deterministic", TITLE, light, sentence, numbers, SOURCE, BLIND)


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).max() / max(1, np.abs(one).max()))
