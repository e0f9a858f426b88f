"""From a model and data to a network that the library can attack."""

import math
from dataclasses import dataclass

import keras
import numpy as np

from mirage.attacks import inputs
from mirage.auditing.errors import AuditError
from mirage.auditing.range import Range, Settled, scaled, settle
from mirage.data.images import DataError
from mirage.models import networks, output
from mirage.models.cast import cast
from mirage.models.output import Output


@dataclass(frozen=True, eq=False)
class Subject:
    """A network that is audited, and the images that it is audited on.

    Attributes:
        network: From flat images, shape (n, d), in 0 to 1, to logits, shape (n, classes), in the
            model's own type.
        wide: The same in float64; None where it cannot be computed so, as with a layer that draws
            at random. Then the warnings say why.
        model: The model as it was given.
        images: Flat, shape (n, d), float32 or float64, in 0 to 1.
        labels: Shape (n,), int64, 0 to classes - 1.
        shape: Of one image, as the model takes it.
        classes: Number of classes; 2 for a sigmoid of one unit.
        output: What the model's output is, and how its logits were had.
        range: The range of pixels that the model takes, and why.
        warnings: What a reader of the audit must know, a sentence each.
    """

    network: keras.Model
    wide: keras.Model | None
    model: keras.Model
    images: np.ndarray
    labels: np.ndarray
    shape: tuple[int, ...]
    classes: int
    output: Output
    range: Settled
    warnings: tuple[str, ...]


def prepare(
    model: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    given: Range | None = None,
    stated: Range | None = None,
) -> Subject:
    """Make a network from flat images in 0 to 1 to logits, of any Keras classifier.

    Args:
        model: Sequential or Functional, of one input, images, and one output, classes.
        images: Shape (n, *the model's), floats in 0 to 1, as
            `mirage.auditing.data.read` gives them.
        labels: Shape (n,), integers from 0 on.
        given: Range of pixels that the model takes, (low, high), where the user says it.
        stated: Range of the data in their file, where they were floats.

    Raises:
        AuditError: The model is no classifier of images, has weights that are NaN, or does not
            take these images or labels; or its range cannot be told.
    """
    check_model(model)
    classes = classes_of(model)
    shape = images.shape[1:]
    images = np.ascontiguousarray(images)
    try:
        networks.check_weights(model, f"model {model.name!r}")
        inputs.check_labels(labels, len(images), classes)
    except (DataError, networks.NetworkError) as error:
        raise AuditError(str(error)) from None
    _check_images(images)
    model_of_one = keras.Model(model.inputs[0], model.outputs[0])
    if not np.isfinite(output.values(model_of_one, images[: output.PROBED])).all():
        raise AuditError(f"model {model.name!r}: it answers NaN or infinity to the images.")
    logits, how = output.logits_of(model_of_one, images)
    settled = settle(logits, images, labels, stated, given)
    network = _flat(logits, shape, settled)
    warnings = list(settled.warnings)
    try:
        wide = cast(network, "float64")
    except networks.NetworkError as error:
        wide = None
        warnings.append(f"The model cannot be computed in float64: {error}")
    if not how.recovered:
        answers = output.values(model_of_one, scaled(images, settled.low, settled.high))
        lost = output.at_the_end(answers, how.kind)
        warnings.append(
            f"The logits could not be recovered from the {how.kind} output, and are its "
            f"logarithm: for {lost} of {len(images)} images a probability is 0 or 1 in "
            f"{networks.dtype_of(model)}, and what was beyond is lost."
        )
    if how.kind == "double softmax":
        warnings.append("The model ends in two softmax layers; the logits are those under both.")
    if how.kind == "sigmoid per class":
        warnings.append("The model has a sigmoid for each class; the largest is its answer.")
    return Subject(
        network,
        wide,
        model,
        images.reshape(len(images), -1),
        labels.astype(np.int64),
        shape,
        classes,
        how,
        settled,
        tuple(warnings),
    )


def check_model(model: keras.Model) -> None:
    """Refuse a model that is no Sequential or Functional classifier of images.

    Raises:
        AuditError: The message says why.
    """
    name = f"model {model.name!r}"
    if not isinstance(model, keras.Sequential) and not hasattr(model, "operations"):
        raise AuditError(
            f"{name}: it is a {type(model).__name__}, a class of its own. Only Sequential and "
            "Functional models can be audited: their layers are known."
        )
    for side in ("inputs", "outputs"):
        if (count := len(getattr(model, side) or ())) != 1:
            raise AuditError(f"{name}: it has {count} {side}. A classifier has one.")
    words = (keras.layers.Embedding, keras.layers.TextVectorization, keras.layers.StringLookup)
    if not networks.floating(model.inputs[0].dtype) or any(
        isinstance(one, words) for one in model._flatten_layers()
    ):
        raise AuditError(f"{name}: it reads words or numbers of words. It must take images.")
    if len(model.outputs[0].shape) != 2:
        raise AuditError(
            f"{name}: its output has the shape {model.outputs[0].shape}. It must be (n, classes)."
        )


def classes_of(model: keras.Model) -> int:
    """Number of classes that a model tells apart; one unit tells two."""
    return max(2, model.outputs[0].shape[-1])


def _check_images(images: np.ndarray) -> None:
    finite = np.isfinite(images.min()) and np.isfinite(images.max())
    if not finite or images.min() < 0 or images.max() > 1:
        raise AuditError(
            "images: some pixels are NaN, infinite or outside of 0 to 1. "
            "Every pixel must be a number in the range of the data."
        )


def _flat(logits: keras.Model, shape: tuple[int, ...], settled: Settled) -> keras.Model:
    """The network from flat images in 0 to 1, before which the range and the shape are restored."""
    dtype = networks.dtype_of(logits)
    pixels = keras.Input((math.prod(shape),), dtype=dtype, name="images")
    values = pixels
    if (settled.low, settled.high) != (0, 1):
        scale = keras.layers.Rescaling(settled.high - settled.low, settled.low, dtype=dtype)
        values = scale(values)
    if len(shape) > 1:
        values = keras.layers.Reshape(shape, dtype=dtype)(values)
    return keras.Model(pixels, logits(values), name=logits.name)
