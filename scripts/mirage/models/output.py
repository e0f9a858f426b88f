"""What a model's output is, and the network from images to logits.

A softmax or sigmoid at the end is taken off, and what was under it is checked against the output,
in float64 where the model can be computed so. Where there is none to take off, the logits are the
logarithm of the output.
"""

import contextlib
from dataclasses import dataclass

import keras
import numpy as np
from scipy import special

from mirage.models import networks
from mirage.models.cast import cast

# How far from 1 the probabilities of an image may add up, in the model's own type.
NEAR_ONE = 1e-2
# How far the output that the logits give may be from the model's, half of the type's digits.
CLOSE = {"float64": 1e-8, "float32": 3e-4, "float16": 3e-2, "bfloat16": 9e-2}
# Enough images to tell what an output is.
PROBED = 100
BATCH = 500  # images taken at once


@dataclass(frozen=True)
class Output:
    """What was found at the end of a model, and how its logits were had.

    Attributes:
        kind: `logits`, `softmax`, `log-softmax`, `double softmax`, `sigmoid` (one unit, a
            probability), `sigmoid logit` (one unit, before the sigmoid) or `sigmoid per class`
            (whose classes are told by the largest; the softmax of its logits is not its output).
        recovered: Whether the logits are those of the layer before; False where they are the
            logarithm of the output.
        removed: Layers of which the function was taken off, from the last.
        difference: Largest difference of the output that the logits give from the model's, on the
            images; None for a model that gives logits.
        checked_in: Type in which that was computed.
    """

    kind: str
    recovered: bool
    removed: tuple[str, ...]
    difference: float | None
    checked_in: str


def logits_of(model: keras.Model, images: np.ndarray) -> tuple[keras.Model, Output]:
    """Make the network from a model's images to its logits.

    Args:
        model: One input and one output, (n, classes), or (n, 1) for two classes.
        images: Shape (n, *the model's), floats, n at least 1: any at which its output shows what
            it is. One that it answers NaN or infinity to shows nothing; where it does so to all,
            the answers are taken for logits.

    Returns:
        A model in the type of the given one, whose layers it shares, from images to logits (n, 2
        or more); and what was done.
    """
    images = images[:PROBED]
    answers = values(model, images)
    finite = np.isfinite(answers).all(axis=1)
    images, answers = images[finite], answers[finite]
    if not len(images):
        kind = "sigmoid logit" if answers.shape[1] == 1 else "logits"
        network = _two_classes(model) if kind == "sigmoid logit" else model
        return network, Output(kind, True, (), None, "")
    kind = _kind(answers)
    if kind == "sigmoid" and _is_linear(model):
        kind = "sigmoid logit"  # which here lies in 0 to 1 by chance
    inner, undone = _undone(model, images, kind)
    if kind in ("logits", "sigmoid logit") and not undone:
        network = _two_classes(model) if kind == "sigmoid logit" else model
        return network, Output(kind, True, (), None, "")
    if kind == "logits":
        kind = "sigmoid per class"
    elif [name for name, _ in undone].count("softmax") > 1:
        kind = "double softmax"
    network = _two_classes(inner) if answers.shape[1] == 1 else inner
    if undone:
        difference, dtype = _compared(_both(inner, model), undone, images)
        if difference <= CLOSE[dtype]:
            return network, Output(
                kind, True, tuple(layer for _, layer in undone), difference, dtype
            )
    if kind == "sigmoid per class":
        return model, Output("logits", True, (), None, "")
    return _logarithm(model, kind), Output(kind, False, (), None, "")


def at_the_end(answers: np.ndarray, kind: str) -> int:
    """Count the images of which a probability is 0 or 1 in the model's type.

    Args:
        answers: What the model gives, shape (n, classes) or (n, 1).
        kind: As in `Output`.
    """
    if kind == "log-softmax":
        answers = np.exp(answers)
    elif "logit" in kind:
        return 0
    return int(((answers == 0) | (answers == 1)).any(axis=1).sum())


def values(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """What a model of one output gives, as float64, shape (n, classes)."""
    return _all_values(model, images)[0]


def _all_values(model: keras.Model, images: np.ndarray) -> list[np.ndarray]:
    """What a model gives, for each of its outputs, as float64."""
    parts = [
        keras.tree.flatten(model(images[start : start + BATCH], training=False))
        for start in range(0, len(images), BATCH)
    ]
    return [
        np.concatenate([keras.ops.convert_to_numpy(part) for part in one]).astype(np.float64)
        for one in zip(*parts, strict=True)
    ]


def _both(inner: keras.Model, model: keras.Model) -> keras.Model:
    """A model with two outputs, of one pass: what it draws at random is the same for both."""
    return keras.Model(model.inputs[0], [inner.outputs[0], model.outputs[0]])


def _kind(answers: np.ndarray) -> str:
    """What the values of an output, shape (n, classes) or (n, 1), can only be."""
    within = answers.min() >= 0 and answers.max() <= 1 + NEAR_ONE
    if answers.shape[1] == 1:
        return "sigmoid" if within else "sigmoid logit"
    if within and np.abs(answers.sum(axis=1) - 1).max() < NEAR_ONE:
        return "softmax"
    if answers.max() <= 0 and np.abs(np.exp(answers).sum(axis=1) - 1).max() < NEAR_ONE:
        return "log-softmax"
    return "logits"


# What may stand at the end of a model: it is told by its values, whatever kind of layer it is.
_LAST = {
    "nothing": lambda values: values,
    "softmax": lambda values: special.softmax(values, axis=1),
    "log-softmax": lambda values: special.log_softmax(values, axis=1),
    "sigmoid": special.expit,
    "logarithm": lambda values: np.log(np.maximum(values, np.finfo(np.float32).tiny)),
}
_Undone = list[tuple[str, str]]  # what was taken off, from the last: its function, its layer


def _undone(model: keras.Model, images: np.ndarray, kind: str) -> tuple[keras.Model, _Undone]:
    """A model without what turns its logits to probabilities, and what that was."""
    undone = []
    close = CLOSE[networks.dtype_of(model)]
    while (step := _without_last(model)) is not None:
        inner, layer = step
        below, answers = _all_values(_both(inner, model), images)
        found = [
            name
            for name, function in _LAST.items()
            if np.allclose(function(below), answers, rtol=close, atol=close)
        ]
        # Sigmoids for each class, or a layer that does nothing, before logits.
        if not found or (kind == "logits" and found[0] != "sigmoid"):
            break
        undone.append((found[0], layer))
        model = inner
        if found[0] != "nothing" and _kind(below) in ("logits", "sigmoid logit"):
            break
    while undone and undone[-1][0] == "nothing":
        undone.pop()  # what stands below a layer that does nothing is no further
    return model, undone


def _without_last(model: keras.Model) -> tuple[keras.Model, str] | None:
    """A model without its last layer, or the activation of that, and the layer's name."""
    output = model.outputs[0]
    last, index, _ = output._keras_history
    node = last._inbound_nodes[index]
    if len(node.input_tensors) != 1:
        return None
    before = node.input_tensors[0]
    if isinstance(last, keras.Model):
        if (step := _without_last(last)) is None:
            return None
        return keras.Model(model.inputs[0], step[0](before)), step[1]
    activation = getattr(last, "activation", None)
    if activation not in (None, keras.activations.linear) and not isinstance(
        last, keras.layers.Activation
    ):
        bare = type(last).from_config(
            {**last.get_config(), "activation": "linear", "name": f"{last.name}_logits"}
        )
        outputs = bare(before)
        bare.set_weights(last.get_weights())
        return keras.Model(model.inputs[0], outputs), last.name
    if before.shape != output.shape:
        return None
    return keras.Model(model.inputs[0], before), last.name


def _is_linear(model: keras.Model) -> bool:
    """Whether a model's last layer says that it has no activation."""
    last = model.outputs[0]._keras_history.operation
    if isinstance(last, keras.Model):
        return _is_linear(last)
    return getattr(last, "activation", None) is keras.activations.linear


def _compared(both: keras.Model, undone: _Undone, images: np.ndarray) -> tuple[float, str]:
    """Largest difference of the output that logits give from the model's, and in which type."""
    with contextlib.suppress(networks.NetworkError):
        both = cast(both, "float64")
    given, expected = _all_values(both, images)
    for name, _ in reversed(undone):
        given = _LAST[name](given)
    away = np.abs(given - expected).max() / max(1, np.abs(expected).max())
    return float(away), networks.dtype_of(both)


def _two_classes(model: keras.Model) -> keras.Model:
    """The logits 0 and z from a model's one unit z."""
    both = keras.layers.Dense(
        2, use_bias=False, trainable=False, dtype=networks.dtype_of(model), name="two_classes"
    )
    outputs = both(model.outputs[0])
    both.set_weights([np.array([[0.0, 1.0]])])
    return keras.Model(model.inputs[0], outputs)


def _logarithm(model: keras.Model, kind: str) -> keras.Model:
    """The logarithm of a model's probabilities: its softmax is these.

    Below the smallest normal number of float32 it is held there, so that no gradient is NaN.
    """
    output = model.outputs[0]
    if kind == "log-softmax":
        return model
    if kind == "sigmoid":
        output = keras.ops.concatenate([1 - output, output], axis=-1)
    tiny = float(np.finfo(np.float32).tiny)
    return keras.Model(model.inputs[0], keras.ops.log(keras.ops.maximum(output, tiny)))
