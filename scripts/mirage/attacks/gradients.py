"""Gradients of a loss with respect to the images, and how much of their sign is wrong.

FGSM asks for the sign of the gradient of the cross-entropy. With logits z, true label y and
u = logsumexp_{j != y} z_j - z_y the cross-entropy is softplus(u), and its gradient is
sigmoid(u) * grad u. In exact arithmetic sigmoid(u) > 0, so that sign(grad u) is the sign asked
for. In floating point sigmoid(u) is lost twice: where p_y rounds to 1 the term of the true
class (p_y - 1) becomes exactly 0 while other p_j survive, so that signs are wrong; further on
everything underflows to 0. `exact_sign` is the gradient of u itself, which does neither.
"""

import functools
import logging
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from mirage.attacks import inputs
from mirage.attacks.parameters import AttackParameters, GradientParameters
from mirage.data.images import DataError
from mirage.models import networks

log = logging.getLogger(__name__)

# Images taken at once: more gain no speed on a CPU and cost memory in proportion.
BATCH = 2_000
LEAST_LIKELY = "least_likely"


def cross_entropy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Cross-entropy of softmax(logits), shape (n,), in nats, from logits (n, classes)."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def log_odds(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """u = logsumexp of the other logits minus the true one, shape (n,), from logits (n, classes).

    The cross-entropy is softplus(u); u > 0 where the true class has less than half of the
    probability.
    """
    true = tf.one_hot(labels, logits.shape[-1], on_value=True, off_value=False, dtype=tf.bool)
    others = tf.where(true, tf.constant(-np.inf, logits.dtype), logits)
    own = tf.gather(logits, labels, axis=-1, batch_dims=1)
    return tf.reduce_logsumexp(others, axis=-1) - own


# Name -> (loss of each image, whether the gradient is divided by the number of images).
LOSSES: dict[str, tuple[Callable[[tf.Tensor, tf.Tensor], tf.Tensor], bool]] = {
    "cross_entropy_sum": (cross_entropy, False),
    # The gradient of the loss averaged over the whole split, as in yue2017's code: each
    # entry is divided by n before its sign is taken, which alone makes underflow earlier.
    "cross_entropy_mean": (cross_entropy, True),
    "exact_sign": (log_odds, False),
}


def of_images(
    network: keras.Model, images: tf.Tensor, labels: tf.Tensor, loss: str, count: tf.Tensor | int
) -> tf.Tensor:
    """Gradient of a loss with respect to a batch of images, as tensors.

    Args:
        network: Model from images to logits.
        images: Shape (n, d), in the network's type.
        labels: Shape (n,), int32.
        loss: A name in `LOSSES`.
        count: What an averaged loss is divided by: the size of the whole batch of which
            `images` may be a part.

    Returns:
        Shape (n, d), in the network's type.

    Raises:
        ValueError: The loss is not in `LOSSES`.
    """
    if loss not in LOSSES:
        raise ValueError(f"gradient {loss!r}: allowed are {', '.join(LOSSES)}")
    each, averaged = LOSSES[loss]
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(each(network(images, training=False), labels))
        if averaged:
            total = total / tf.cast(count, total.dtype)
    return tape.gradient(total, images)


def input_gradient(
    network: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    loss: str,
    count: int | None = None,
) -> np.ndarray:
    """Gradient of a loss with respect to every image, in the network's own arithmetic.

    The operations run one by one, not fused by XLA: a fused kernel keeps half-precision
    intermediates in float32, and would measure another precision than the one asked for.

    Args:
        network: Model from images to logits; its type is that of all arithmetic.
        images: Shape (n, d), any float type, pixels in 0 to 1; cast to the network's. All are
            taken at once: for more than `BATCH` images call it with the slices of `batches`.
        labels: Shape (n,), integers from 0 on.
        loss: A name in `LOSSES`.
        count: What an averaged loss is divided by; n where it is not given.

    Returns:
        Shape (n, d), in the network's type. The log says how many images have a gradient that
        is NaN or infinite somewhere, as happens where half precision overflows.

    Raises:
        ValueError: The loss is not in `LOSSES`.
        DataError: Images or labels are not what `mirage.attacks.inputs.check` asks for.
        NetworkError: A weight is NaN or infinite.
    """
    inputs.check(network, images, labels)
    return _slope(network, images, labels, loss, count or len(images))


def _slope(
    network: keras.Model, images: np.ndarray, labels: np.ndarray, loss: str, count: int
) -> np.ndarray:
    """As `input_gradient`, of points that may leave the range of pixels."""
    pixels = tf.cast(images, networks.dtype_of(network))
    classes = tf.constant(labels, tf.int32)
    gradient = _gradient_function(network, loss)(pixels, classes, tf.constant(count)).numpy()
    if not (finite := np.isfinite(gradient)).all():
        log.warning(
            "%s in %s: the gradient of %d of %d images is NaN or infinite. The sign of NaN counts "
            "as 0, which may look like robustness.",
            *(loss, networks.dtype_of(network)),
            *((~finite.reshape(len(images), -1).all(axis=1)).sum(), len(images)),
        )
    return gradient


def labels_followed(
    network: keras.Model, images: np.ndarray, labels: np.ndarray, parameters: AttackParameters
) -> np.ndarray:
    """The labels of an attack's loss: those given, or the network's own answers, shape (n,).

    The answers are those to clean images, as in cleverhans where no labels are given. With
    `least_likely` they are the classes of the smallest logit there.
    """
    chosen = getattr(parameters, "labels", "given")
    if chosen == "given":
        return labels
    answers = logits(network, images)
    found = answers.argmin(axis=1) if chosen == LEAST_LIKELY else answers.argmax(axis=1)
    return found.astype(np.int32)


def signs(
    network: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    parameters: GradientParameters,
    count: int | None = None,
) -> np.ndarray:
    """Signs of the gradient that an attack with these parameters follows at the images.

    Of the least likely class they are the opposite ones, since its loss is to fall (Kurakin et al.
    2016, arXiv 1611.01236, section 2.2).

    With `mixed` it is the gradient of the loss a * J(x) + (1 - a) * J(x + epsilon * sign(g(x)))
    that yue2017 trains on, g being the gradient of J. None flows through the sign, whose
    derivative is 0: it is a * g(x) + (1 - a) * g(x + epsilon * sign(g(x))).

    With `exact_sign` J is the cross-entropy, softplus(u), and a term's gradient is
    sigmoid(u) * grad u. Both factors sigmoid(u) may underflow though their ratio matters, so that
    the logarithms of a * sigmoid(u(x)) and of (1 - a) * sigmoid(u(x + ...)) are taken, and the
    larger of the two is subtracted from both, image by image: the larger weight is 1. That scales
    the sum by a positive number and keeps its sign. Where one term's entry is 0 the sign is that
    of the other, however small its weight.

    Args:
        network, images, labels, count: As in `input_gradient`.
        parameters: Those of the attack: its gradient, and labels and mixed where it has them.

    Returns:
        Shape (n, d), int8.

    Raises:
        As `input_gradient`.
    """
    loss, mixed = parameters.gradient, getattr(parameters, "mixed", None)
    inputs.check(network, images, labels)
    up = getattr(parameters, "labels", "given") != LEAST_LIKELY
    labels = labels_followed(network, images, labels, parameters)
    clean = _slope(network, images, labels, loss, count or len(images))
    if mixed is None:
        return sign(clean) if up else -sign(clean)
    dtype = networks.dtype_of(network)
    moved = tf.cast(images, dtype) + float(mixed.epsilon) * tf.cast(sign(clean), dtype)
    attacked = _slope(network, moved, labels, loss, count or len(images))
    weights = np.log([[mixed.clean_weight], [1 - mixed.clean_weight]])
    if loss == "exact_sign":
        classes = tf.constant(labels, tf.int32)
        odds = [log_odds(logits(network, each), classes) for each in (images, moved)]
        weights = weights - np.logaddexp(0, -np.array(odds, np.float64))
    weights = np.exp(weights - weights.max(axis=0)).astype(clean.dtype)[..., np.newaxis]
    found = sign(weights[0] * clean + weights[1] * attacked)
    one_is_zero = (clean == 0) | (attacked == 0)
    found = np.where(one_is_zero, sign(clean) + sign(attacked), found)
    return found if up else -found


def logits(network: keras.Model, images: np.ndarray | tf.Tensor) -> np.ndarray:
    """Logits of every image, shape (n, classes), in the network's type, from images (n, d), floats.

    Raises DataError where the images are no floats: bytes would be taken as pixels up to 255.
    """
    if not tf.as_dtype(images.dtype).is_floating:
        raise DataError(
            f"images: {images.dtype}. They must be floats: `mirage.data.images.as_float` makes "
            "them of bytes."
        )
    return _logits_function(network)(tf.cast(images, networks.dtype_of(network))).numpy()


# Traced once per network, however many steps an iterative attack takes; the few kept are those
# in use at a time.
@functools.lru_cache(maxsize=4)
def _gradient_function(network: keras.Model, loss: str) -> Callable[..., tf.Tensor]:
    return tf.function(
        lambda x, y, count: of_images(network, x, y, loss, count),
        reduce_retracing=True,
        autograph=False,
    )


@functools.lru_cache(maxsize=4)
def _logits_function(network: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    return tf.function(lambda x: network(x, training=False), reduce_retracing=True, autograph=False)


def batches(count: int) -> Iterator[slice]:
    """Slices that cover `count` images, at most `BATCH` in each."""
    return (slice(start, start + BATCH) for start in range(0, count, BATCH))


def sign(gradient: np.ndarray) -> np.ndarray:
    """Sign of a gradient as int8 (-1, 0, 1), same shape; 0 where it is not a number."""
    positive, negative = (part.view(np.int8) for part in (gradient > 0, gradient < 0))
    return np.subtract(positive, negative, out=positive)


def masking(gradient: np.ndarray, exact: np.ndarray) -> dict[str, float]:
    """How much of a gradient is gone or wrong.

    Args:
        gradient: Gradient under test, shape (n, d), any float type.
        exact: Sign of the exact-sign gradient in float64, shape (n, d), int8.

    Returns:
        `zero_share`: share of all entries that are exactly 0; `zero_image_share`: share of
        images whose whole gradient is 0; `sign_disagreement`: share of all entries whose sign
        (a zero has sign 0) is not the exact one; `mean_abs_gradient`: mean of the absolute
        entries, summed in float64. The first three lie in 0 to 1.
    """
    zero = gradient == 0
    return {
        "zero_share": float(zero.mean()),
        "zero_image_share": float(zero.all(axis=1).mean()),
        "sign_disagreement": float((sign(gradient) != exact).mean()),
        "mean_abs_gradient": float(np.abs(gradient).mean(dtype=np.float64)),
    }
