"""One network in memory, attacked and measured in one call.

For notebooks and programs of people. The workflow's jobs call `mirage.evaluation.passes`, which
goes over the checkpoints of a run; both give the same numbers.

Networks are Keras classifiers, Sequential or Functional, of images of any shape, to the logits of
two or more classes, shape (n, classes), or to the logit of the second of two classes, shape (n, 1).
Where one gives probabilities, the softmax or sigmoid at its end is taken off first
(`mirage.models.output`): attacks and gradients are those of the logits under it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np
from pydantic import ValidationError

from mirage.attacks import gradients, inputs
from mirage.attacks.parameters import AttackParameters, methods, parameters_of
from mirage.data.images import DataError, as_float
from mirage.evaluation import passes
from mirage.models import measures, networks, output
from mirage.models.cast import cast
from mirage.runtime import device
from mirage.runtime.errors import ArgumentError


@dataclass(frozen=True, eq=False)
class Attacked:
    """What an attack did to each image.

    Attributes:
        images: Adversarial images, in the shape of those given and in the network's type.
        predictions: Class that the network gives to each, shape (n,); -1 where it answers NaN.
        success: Shape (n,), bool: whether the attack reached what it was after. For most attacks
            that is an image that was classified rightly and is no longer; for JSMA with a target it
            is the target.
        iterations: Steps made for each image, shape (n,); None for an attack that counts none.
    """

    images: np.ndarray
    predictions: np.ndarray
    success: np.ndarray
    iterations: np.ndarray | None


@dataclass(frozen=True)
class Masking:
    """How much of a gradient is gone or wrong.

    Attributes:
        zero_share: Share of all entries that are exactly 0, in 0 to 1.
        zero_image_share: Share of images whose whole gradient is 0, in 0 to 1.
        sign_disagreement: Share of all entries whose sign is not the exact one, in 0 to 1; a zero
            has the sign 0.
        mean_abs_gradient: Mean absolute entry.
    """

    zero_share: float
    zero_image_share: float
    sign_disagreement: float
    mean_abs_gradient: float


def accuracy(network: keras.Model, images: np.ndarray, labels: np.ndarray) -> float:
    """Give the share of images that a network classifies rightly.

    Args:
        network: Keras model from images to logits or probabilities, as in `attack`; those that
            `attack` refuses have an accuracy.
        images: As in `attack`. Of those of an attack without `clip` some pixels may leave 0 to 1.
        labels: Shape (n,), integers from 0 on.

    Returns:
        A number in 0 to 1. An image with a logit that is NaN counts as wrong.

    Raises:
        DataError: Images or labels do not fit the network.
        NetworkError: A weight is NaN or infinite, or the network is no classifier of images.

    Example:
        >>> _, test = mirage.digits()
        >>> mirage.accuracy(mirage.build({"name": "mlp", "hidden": [30]}, seed=1), *test) < 0.3
        True
    """
    flat, pixels, _ = _prepared(network, images, labels, clean=False)
    right = sum(
        measures.correct(gradients.logits(flat, pixels[part]), labels[part])
        for part in gradients.batches(len(pixels))
    )
    return right / len(pixels)


def attack(
    network: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    method: str = "fgsm",
    *,
    epsilon: float | None = None,
    gradient: str | None = None,
    dtype: str | None = None,
    seed: int = 0,
    **parameters: object,
) -> Attacked:
    """Attack a network by one of the methods in `mirage.attacks`.

    Args:
        network: Keras model, Sequential or Functional, of one input, from images of any shape to
            logits, shape (n, classes), or (n, 1): the logit of class 1, that of class 0 being 0. A
            softmax or sigmoid at its end is taken off.
        images: Shape (n, ...), uint8 with values 0 to 255, or floats in 0 to 1. They may be flat,
            or have the shape of the network's input.
        labels: True labels, shape (n,), integers from 0 to classes - 1.
        method: `fgsm` (Goodfellow et al. 2014, section 4), `pgd` (Madry et al. 2017), `apgd` and
            `apgd_dlr` (Croce and Hein 2020), `square` (Andriushchenko et al. 2020), `deepfool`
            (Moosavi-Dezfooli et al. 2016), `lbfgs` (Szegedy et al. 2013), `jsma` (Papernot et al.
            2015), `noise`, `matched_noise`: a file of `mirage.attacks`.
        epsilon: Size of the perturbation in the attack's norm, at least 0, pixels lying in 0 to 1.
            Not for an attack that looks for the smallest perturbation (deepfool, lbfgs, jsma).
        gradient: Loss whose gradient is followed: `exact_sign` (where it is not given),
            `cross_entropy_sum` or `cross_entropy_mean`. Not for an attack that has its own.
        dtype: Type that the attacker computes in: float16, bfloat16, float32 or float64. Where it
            is not given, the network's. The network that is attacked keeps its own type.
        seed: Seed of what the attack draws at random, at least 0.
        parameters: The attack's own, such as `clip=(0, 1)` or `steps=100`; its file in
            `mirage.attacks.parameters` has them all.

    Returns:
        The adversarial images and what became of each.

    Raises:
        ArgumentError: An unknown method, type or parameter; the message says what is allowed.
        DataError: Images or labels do not fit the network.
        ValueError: A value is out of its range.
        NetworkError: A weight is NaN or infinite, the network is no classifier of images, or it
            cannot be cast to `dtype`; or it gives probabilities under which no logits are found.

    Example:
        >>> training, test = mirage.digits()
        >>> network = mirage.build({"name": "mlp", "hidden": [30]}, seed=1)
        >>> rows = mirage.train(network, training, test, epochs=5, learning_rate=0.01)
        >>> found = mirage.attack(network, *test, "pgd", epsilon=0.2, steps=10, clip=(0, 1))
        >>> found.images.shape, found.images.dtype
        ((450, 28, 28), dtype('float32'))
        >>> mirage.accuracy(network, found.images, test[1]) < 0.2
        True
    """
    networks.check_seed(seed)
    chosen = _parameters(method, gradient, parameters)
    flat, pixels = _of_logits(network, images, labels)
    attacker = _in_type(flat, dtype)
    parts = []
    for part in gradients.batches(len(pixels)):
        signs = None
        if chosen.uses_gradient:
            # Here, since an averaged loss is divided by the number of all images.
            signs = gradients.signs(attacker, pixels[part], labels[part], chosen, len(pixels))
        result = passes.adversarial(
            *(attacker, pixels[part], labels[part], chosen),
            epsilon=epsilon,
            seed=(seed, part.start),
            signs=signs,
        )
        moved = result.images
        right = measures.classes(gradients.logits(flat, pixels[part])) == labels[part]
        predictions = measures.classes(gradients.logits(flat, moved))
        success = right & (predictions != labels[part])
        if result.targets is not None:
            success = predictions == result.targets
        parts.append(
            {
                **result.of_each_image(),
                "images": moved,
                "predictions": predictions,
                "success": success,
            }
        )
    found = {name: np.concatenate([one[name] for one in parts]) for name in parts[0]}
    return Attacked(
        found["images"].reshape(images.shape),
        found["predictions"],
        found["success"],
        found.get("iterations"),
    )


def input_gradient(
    network: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    gradient: str = "cross_entropy_sum",
    dtype: str | None = None,
) -> np.ndarray:
    """Gradient of a loss with respect to the images, each operation rounded to its type.

    Args:
        network: Keras model from images to logits or probabilities, as in `attack`; the loss is
            that of the logits.
        images: As in `attack`.
        labels: Shape (n,), integers from 0 on.
        gradient: `cross_entropy_sum`; `cross_entropy_mean`, which is divided by n; or `exact_sign`,
            the gradient of u = logsumexp of the other logits minus the true one. As the
            cross-entropy is softplus(u), its gradient is sigmoid(u) times that of u.
        dtype: Type of the arithmetic: float16, bfloat16, float32 or float64. Where it is not given,
            the network's.

    Returns:
        Shape of `images`, in `dtype`.

    Raises:
        ArgumentError, DataError, NetworkError: As in `attack`.

    Example:
        >>> _, (images, labels) = mirage.digits()
        >>> network = mirage.build({"name": "mlp", "hidden": [30]}, seed=1)
        >>> mirage.input_gradient(network, images, labels, dtype="float16").dtype
        dtype('float16')
    """
    if gradient not in gradients.LOSSES:
        raise ArgumentError(f"gradient {gradient!r}: allowed are {', '.join(gradients.LOSSES)}.")
    flat, pixels = _of_logits(network, images, labels)
    attacker = _in_type(flat, dtype)
    parts = [
        gradients.input_gradient(attacker, pixels[part], labels[part], gradient, len(pixels))
        for part in gradients.batches(len(pixels))
    ]
    return np.concatenate(parts).reshape(images.shape)


def exact_sign(network: keras.Model, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The sign that FGSM asks for: of the exact-sign gradient, computed in float64.

    It is the sign of the gradient of the cross-entropy in exact arithmetic, since that is
    sigmoid(u) > 0 times the gradient of u (`mirage.input_gradient` says what u is).

    Args:
        network: Keras model from images to logits or probabilities, as in `attack`.
        images: As in `attack`.
        labels: Shape (n,), integers from 0 on.

    Returns:
        Shape of `images`, int8: -1, 0 or 1.

    Raises:
        DataError, NetworkError: As in `attack`.

    Example:
        >>> _, (images, labels) = mirage.digits()
        >>> network = mirage.build({"name": "mlp", "hidden": [30]}, seed=1)
        >>> mirage.exact_sign(network, images, labels).shape
        (450, 28, 28)
    """
    return gradients.sign(
        input_gradient(network, images, labels, gradient="exact_sign", dtype="float64")
    )


def masking(
    network: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    gradient: str = "cross_entropy_sum",
    dtype: str | None = None,
) -> Masking:
    """How much of a network's gradient is gone or wrong: is it robust, or masked?

    Args:
        network: Keras model from images to logits or probabilities, as in `attack`.
        images: As in `attack`.
        labels: Shape (n,), integers from 0 on.
        gradient: The gradient under test, as in `input_gradient`.
        dtype: Type that it is computed in, as in `input_gradient`.

    Returns:
        Share of zeros, and share of signs that are not those of `exact_sign`.

    Raises:
        ArgumentError, DataError, NetworkError: As in `attack`.

    Example:
        >>> _, (images, labels) = mirage.digits()
        >>> network = mirage.build({"name": "mlp", "hidden": [30]}, seed=1)
        >>> mirage.masking(network, images, labels).sign_disagreement < 0.01
        True
    """
    slope = input_gradient(network, images, labels, gradient=gradient, dtype=dtype)
    exact = exact_sign(network, images, labels)
    return Masking(**gradients.masking(*(one.reshape(len(images), -1) for one in (slope, exact))))


def _of_logits(
    network: keras.Model, images: np.ndarray, labels: np.ndarray
) -> tuple[keras.Model, np.ndarray]:
    """As `_prepared`, of a network whose logits are known."""
    flat, pixels, found = _prepared(network, images, labels)
    # Logarithms of probabilities have lost what they are attacked for. Of a log-softmax they are
    # the answers.
    if not found.recovered and found.kind != "log-softmax":
        raise networks.NetworkError(
            f"network {network.name!r}: its answers are probabilities, and no layer before its end "
            f"gives the logits whose {found.kind} they are. Give the network up to its logits."
        )
    return flat, pixels


def _prepared(
    network: keras.Model, images: np.ndarray, labels: np.ndarray, *, clean: bool = True
) -> tuple[keras.Model, np.ndarray, output.Output]:
    """The network from flat images to logits; the images flat, in its type and in 0 to 1; its end.

    All are checked.
    """
    device.keep_operations_apart()
    own = inputs.shaped(network, images)
    name, dtype = f"network {network.name!r}", networks.dtype_of(network)
    shape, flat = own.shape[1:], own.reshape(len(own), math.prod(own.shape[1:]))
    if images.dtype.name not in ("uint8", *networks.DTYPES):
        raise DataError(
            f"images: {images.dtype}. They must be uint8 with values 0 to 255, or floats "
            f"({', '.join(networks.DTYPES)}) with values in 0 to 1."
        )
    if len(network.output_shape) != 2:
        raise networks.NetworkError(
            f"{name}: its output has the shape {network.output_shape}. It must be (n, classes)."
        )
    networks.check_weights(network, name)
    inputs.check_labels(labels, len(own), max(2, network.output_shape[1]))
    pixels = as_float(flat, dtype) if images.dtype == np.uint8 else flat
    # What is wrong with the images is told below.
    probes = np.clip(np.nan_to_num(pixels[: output.PROBED]), 0, 1).reshape(-1, *shape)
    logits, found = output.logits_of(network, probes)
    if len(shape) > 1:
        first = [keras.Input(flat.shape[1:], dtype=dtype), keras.layers.Reshape(shape, dtype=dtype)]
        logits = keras.Sequential([*first, logits], name=network.name)
    (inputs.check if clean else inputs.check_training)(logits, pixels, labels)
    return logits, pixels.astype(dtype, copy=False), found


def _in_type(network: keras.Model, dtype: str | None) -> keras.Model:
    if dtype is None:
        return network
    networks.check_dtype(dtype)
    return network if dtype == networks.dtype_of(network) else cast(network, dtype)


def _parameters(method: str, gradient: str | None, given: Mapping[str, object]) -> AttackParameters:
    """The parameters of an attack; a fault names what is allowed."""
    if method not in methods():
        raise ArgumentError(f"method {method!r}: allowed are {', '.join(methods())}.")
    model = parameters_of(method)
    if gradient is not None or model.uses_gradient:
        given = {**given, "gradient": gradient or "exact_sign"}
    # NumPy's numbers are no whole numbers and no floats to a strict model.
    plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in given.items()}
    try:
        return model(**plain)
    except ValidationError as error:
        own = ", ".join(name for name in model.model_fields if name != "method")
        raise ArgumentError(
            "\n".join(_sentence(one, method, own) for one in error.errors())
        ) from None


def _sentence(fault: Mapping, method: str, own: str) -> str:
    """A fault of a parameter: what it is, and what is allowed."""
    name = ".".join(map(str, fault["loc"]))
    if fault["type"] == "extra_forbidden":
        return f"{name}: attack {method} takes no such parameter; its own are {own}."
    if fault["type"] == "literal_error":
        wanted = "allowed are " + fault["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
    else:
        wanted = fault["msg"].removeprefix("Value error, ").replace("Input should", "it must")
    return f"{name} {fault['input']!r}: {wanted}."
