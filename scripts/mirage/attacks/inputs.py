"""What attacks and losses are given, refused where they could not be right for it.

Without this, an attack on images in 0 to 255, or on labels from 1 on, measures something else and
says nothing: most of what it gets wrong looks like robustness.
"""

import functools
import logging
import math
import numbers
from collections.abc import Callable, Sequence

import keras
import numpy as np

from mirage.attacks.parameters import AttackParameters
from mirage.attacks.result import AttackResult
from mirage.data.images import DataError
from mirage.models import networks
from mirage.runtime.errors import ArgumentError

log = logging.getLogger(__name__)


def checked(attack: Callable[..., AttackResult]) -> Callable[..., AttackResult]:
    """An attack that checks what it is given, once for each call, before it begins.

    Every function `attack` in `mirage.attacks` is decorated with this.

    Returns:
        A function `attack(network, images, labels, parameters, *, epsilon, seed, signs)`. It raises
        what `check` and `check_epsilon` do, ArgumentError where an epsilon is missing or one too
        many, and DataError where `signs` have another shape than the images. Where there are
        `signs`, pixels and weights are not looked at again: they were when the gradient was taken.
    """
    if hasattr(attack, "checks_inputs"):
        return attack

    @functools.wraps(attack)
    def checking(
        network: keras.Model,
        images: np.ndarray,
        labels: np.ndarray,
        parameters: AttackParameters,
        *,
        epsilon: float | None = None,
        seed: Sequence[int] = (0,),
        signs: np.ndarray | None = None,
    ) -> AttackResult:
        _check_form(network, images)
        if labels is not None:  # some attacks look at no label
            check_labels(labels, len(images), _classes(network))
        if signs is None:
            _check_pixels(images)
            _check_weights(network)
        elif np.shape(signs) != images.shape:
            raise DataError(
                f"signs: shape {np.shape(signs)}, but the images have the shape {images.shape}. "
                "They must be the signs of the gradient at these images."
            )
        if parameters.kind != "minimal":
            if epsilon is None:
                raise ArgumentError(
                    f"epsilon: attack {parameters.method} needs one, a number of at least 0."
                )
            check_epsilon(epsilon, images, getattr(parameters, "norm", "linf"))
        elif epsilon is not None:
            raise ArgumentError(
                f"epsilon {epsilon!r}: attack {parameters.method} takes none. It looks for the "
                "smallest perturbation itself."
            )
        return attack(network, images, labels, parameters, epsilon=epsilon, seed=seed, signs=signs)

    checking.checks_inputs = True
    return checking


def shaped(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """Images in the shape that a network takes.

    Args:
        network: Model of one input and one output.
        images: Shape (n, ...), any type: flat, or as the network takes them, where an axis for a
            single channel may be missing, too many or in another place.

    Returns:
        The same values, shape (n, *shape of the network's input).

    Raises:
        DataError: They are no such array. Nothing else is looked at.
        NetworkError: The network has no one shape of input and of output.
    """
    _check_array("images", images)
    wanted, outputs = (getattr(network, f"{side}_shape", None) for side in ("input", "output"))
    if not all(isinstance(one, tuple) and len(one) > 1 for one in (wanted, outputs)):
        raise networks.NetworkError(
            f"network {getattr(network, 'name', network)!r}: it must be a Keras model of one input "
            "and one output, Sequential or Functional, built already."
        )
    wanted, given = wanted[1:], images.shape[1:]
    possible = [given, (*given, 1), (1, *given), *([given[:-1]] if given[-1:] == (1,) else [])]
    if None not in wanted:
        flat = 1 in (len(wanted), len(given)) and math.prod(wanted) == math.prod(given)
        alike = [size for size in wanted if size != 1] == [size for size in given if size != 1]
        possible = [wanted] if flat or alike else []
    for shape in possible:
        if len(shape) == len(wanted) and all(
            size in (None, own) for size, own in zip(wanted, shape, strict=True)
        ):
            return images.reshape(len(images), *shape)
    sizes = ", ".join(["n", *(str(size or "any") for size in wanted)])
    raise DataError(f"images: shape {images.shape}. The network takes ({sizes}).")


def check(network: keras.Model | None, images: np.ndarray, labels: np.ndarray) -> None:
    """Refuse images, labels or a network that no attack and no loss can be right for.

    Args:
        network: Model from images to logits; None where none is looked at.
        images: Must be an array of floats, one of `mirage.models.networks.DTYPES`, of the
            network's input shape, (n, d), n at least 1, with all pixels in 0 to 1.
        labels: Must be integers, shape (n,), from 0 to one less than the network's classes.

    Raises:
        DataError: Images or labels are others.
        NetworkError: A weight of the network is NaN or infinite.
    """
    _check_form(network, images)
    check_labels(labels, len(images), _classes(network))
    _check_pixels(images)
    _check_weights(network)


def _check_form(network: keras.Model | None, images: np.ndarray) -> None:
    _check_array("images", images)
    if images.dtype.name not in networks.DTYPES:
        raise DataError(
            f"images: {images.dtype}. They must be floats ({', '.join(networks.DTYPES)}) with "
            "pixels in 0 to 1: `mirage.data.images.as_float` makes them of bytes."
        )
    shape = getattr(network, "input_shape", None) or (None,) * max(images.ndim, 2)
    if len(shape) != images.ndim or any(
        size not in (None, own) for size, own in zip(shape[1:], images.shape[1:], strict=True)
    ):
        wanted = ", ".join(["n", *(str(size or "any") for size in shape[1:])])
        raise DataError(f"images: shape {images.shape}. The network takes ({wanted}).")
    if not len(images):
        raise DataError("images: there are none. At least one is needed.")


def _classes(network: keras.Model | None) -> int | None:
    outputs = getattr(network, "output_shape", None)
    return outputs[-1] if outputs else None


def _check_pixels(images: np.ndarray) -> None:
    # NumPy is slow with half precision.
    pixels = images.astype(np.float32) if images.dtype.itemsize < 4 else images
    low, high = pixels.min(), pixels.max()
    if not (low >= 0 and high <= 1):
        spoilt = ~np.isfinite(pixels).reshape(len(pixels), -1).all(axis=1)
        if spoilt.any():
            raise DataError(
                f"images: {spoilt.sum()} of {len(images)} have pixels that are NaN or infinite, "
                f"the first is image {spoilt.argmax()}. Every pixel must lie in 0 to 1."
            )
        raise DataError(
            f"images: pixels from {low:g} to {high:g}. They must lie in 0 to 1: scale or clip "
            "them. For a network that takes another range, put a Rescaling layer before it."
        )


def _check_weights(network: keras.Model | None) -> None:
    if network is not None:
        networks.check_weights(network, f"network {network.name!r}")


def check_labels(labels: np.ndarray, count: int, classes: int | None) -> None:
    """Refuse labels that are not one class for each image.

    Args:
        labels: Must be integers, shape (count,), from 0 to classes - 1.
        count: Number of images, at least 1.
        classes: Number of classes; None where no network is looked at.

    Raises:
        DataError: They are others, or there is no image.
    """
    _check_array("labels", labels)
    if not count:
        raise DataError("labels: there are none. At least one image is needed.")
    if labels.shape != (count,):
        one_hot = ": they seem to be one-hot, `labels.argmax(axis=1)` gives the classes"
        raise DataError(
            f"labels: shape {labels.shape}. {count} images need the shape ({count},)"
            + (one_hot if labels.shape == (count, classes) else "")
            + "."
        )
    if labels.dtype.kind not in "iu":
        allowed = "from 0 on" if classes is None else f"0 to {classes - 1}"
        raise DataError(f"labels: {labels.dtype}. They must be integers, {allowed}.")
    low, high = labels.min(), labels.max()
    if classes is None and low < 0:
        raise DataError(f"labels: from {low} to {high}. The first class is 0.")
    if classes is not None and (low < 0 or high >= classes):
        raise DataError(
            f"labels: from {low} to {high}. They must lie in 0 to {classes - 1}: the network has "
            f"{classes} classes, and the first is 0."
        )


def check_split(network: keras.Model, images: np.ndarray, labels: np.ndarray) -> None:
    """Refuse a split that a network cannot be evaluated on.

    Args:
        network: Model from flat images to logits.
        images: Must be uint8, shape (n, height, width, ...), n at least 1, with as many values as
            the network takes.
        labels: Must be integers, shape (n,), from 0 to one less than the network's classes.

    Raises:
        DataError: They are others.
    """
    _check_array("images", images)
    if images.dtype != np.uint8:
        raise DataError(f"images: {images.dtype}. They must be uint8, 0 to 255.")
    values = math.prod(images.shape[1:])
    if values != network.input_shape[-1]:
        raise DataError(
            f"images: shape {images.shape}, {values} values in each. The network takes "
            f"{network.input_shape[-1]}."
        )
    check_labels(labels, len(images), network.output_shape[-1])


def check_training(network: keras.Model, images: np.ndarray, labels: np.ndarray) -> None:
    """Refuse images and labels that a network cannot be trained on.

    Args:
        network: Model from images to logits.
        images: Must be uint8 or finite floats, shape (n, d), n at least 1. Those of an attack may
            leave 0 to 1.
        labels: As in `check_split`.

    Raises:
        DataError: They are others.
    """
    check_labels(labels, len(images), _classes(network))
    if images.dtype == np.uint8:
        return
    if images.dtype.name not in networks.DTYPES:
        raise DataError(f"images: {images.dtype}. They must be uint8, or floats in 0 to 1.")
    # The smallest and the largest are NaN where any is: no array as large as the images is made.
    if not (np.isfinite(images.min()) and np.isfinite(images.max())):
        raise DataError("images: some pixels are NaN or infinite.")


def check_epsilon(epsilon: float, images: np.ndarray, norm: str = "linf") -> None:
    """Refuse a size that is none, and tell of one that is larger than the range of images.

    Args:
        epsilon: Must be a finite number, at least 0.
        images: Shape (n, d).
        norm: That of `epsilon`, `linf` or `l2`.

    Raises:
        ValueError: It is not.
    """
    if not isinstance(epsilon, numbers.Real) or not math.isfinite(epsilon) or epsilon < 0:
        raise ValueError(f"epsilon {epsilon!r}: it must be a finite number, at least 0.")
    furthest = math.sqrt(images[0].size) if norm == "l2" else 1.0
    if epsilon > furthest:
        log.warning(
            "epsilon %g is larger than the distance from black to white, %g. Pixels lie in 0 to "
            "1, so that 8 of 255 is 0.0314.",
            *(epsilon, furthest),
        )


def _check_array(name: str, values: object) -> None:
    if not isinstance(values, np.ndarray):
        raise DataError(f"{name}: a {type(values).__name__}. They must be a NumPy array.")
