"""Networks in another floating-point type."""

import contextlib
import logging
import math
import re

import keras
import numpy as np

from mirage.models.networks import (
    EPSILON,
    SHAPE,
    NetworkError,
    check_dtype,
    check_weights,
    dtype_of,
    floating,
    same_constants,
    with_constants,
)

log = logging.getLogger(__name__)


def cast(network: keras.Model, dtype: str) -> keras.Model:
    """Copy a network with weights and arithmetic in another floating-point type.

    Args:
        network: A Sequential or Functional model of Keras layers with one input and one output,
            which may hold further such models.
        dtype: One of `DTYPES`; a narrower type rounds the weights.

    Returns:
        A new model, checked on a few random images: it gives the answers of the given one, as far
        as rounding allows. The given one is left as it is.

    Raises:
        NetworkError: A layer cannot be made anew, does not compute in `dtype`, here or at all, or
            gives other answers there; or a weight is NaN or infinite, or too large for `dtype`.
            The message names the layer.
        ArgumentError: The type is not one of `DTYPES`.

    Example:
        >>> network = mirage.build({"name": "mlp", "hidden": [30]})
        >>> mirage.cast(network, "float64").layers[-1].compute_dtype
        'float64'
    """
    check_dtype(dtype)
    copy = _converted(network, dtype)
    _fill(copy, network)
    for layer in _parts(copy):
        if other := _types(layer) - {dtype}:
            raise NetworkError(
                f"layer {layer.name!r} of network {network.name!r} stays {other.pop()} when it is "
                f"cast to {dtype}. {_CASTABLE}"
            )
    _compare(copy, network, dtype)
    return copy


_CASTABLE = (
    "Only Sequential and Functional models can be cast, of layers that keep their weights in "
    "variables and compute in the `dtype` of their configuration. Replace this layer."
)
# How many random images a cast is checked on.
PROBES = 8


def _converted(network: keras.Model, dtype: str | None) -> keras.Model:
    """A network of the same layers in `dtype`, or each in its own type; the weights are fresh."""
    known = {}

    def convert(layer: keras.Operation) -> keras.Operation:
        # Also what is shared by an inner and an outer model stays shared.
        if id(layer) not in known:
            known[id(layer)] = make(layer)
        return known[id(layer)]

    def make(layer: keras.Operation) -> keras.Operation:
        try:
            if isinstance(layer, keras.Model):
                return rebuild(layer)
            if type(layer) is keras.layers.Lambda:
                # Its function is here; made of its code it would lack what it refers to.
                return keras.layers.Lambda(
                    *(layer.function, layer._output_shape, layer.mask, layer.arguments),
                    name=layer.name,
                    dtype=dtype or layer.dtype_policy,
                )
            config = layer.get_config()
            if dtype and isinstance(layer, keras.Layer):
                config = {**_in_type(config, dtype), "dtype": dtype}
            return layer.__class__.from_config(config)
        except NetworkError:
            raise
        except Exception as error:  # Keras raises what its parts raise
            raise NetworkError(
                f"layer {layer.name!r} of network {network.name!r} cannot be copied "
                f"({_first_line(error)}). {_CASTABLE}"
            ) from error

    def rebuild(model: keras.Model) -> keras.Model:
        sequential = isinstance(model, keras.Sequential)
        if not sequential and not _functional(model):
            raise NetworkError(
                f"network {model.name!r} is a {type(model).__name__} and cannot be cast. "
                f"{_CASTABLE}"
            )
        # The inputs are made anew as well: Keras casts silently to the type of the input layer,
        # and float64 images would pass through float32.
        inputs = keras.tree.map_structure(
            lambda one: keras.Input(
                one.shape[1:], dtype=dtype if dtype and floating(one.dtype) else one.dtype
            ),
            model.inputs[0] if sequential else model.input,
        )
        return keras.models.clone_model(model, input_tensors=inputs, clone_function=convert)

    return make(network)


def _in_type(config: object, dtype: str) -> object:
    """A layer's configuration, and those of the layers within it, with `dtype` for each float."""
    if isinstance(config, list | tuple):
        return type(config)(_in_type(one, dtype) for one in config)
    if not isinstance(config, dict):
        return config
    return {
        key: dtype if key == "dtype" and floating(value) else _in_type(value, dtype)
        for key, value in config.items()
    }


def _parts(network: keras.Model) -> list[keras.Operation]:
    """The layers and operations of a network and of the models and wrappers in it."""
    found = {id(one): one for one in network._flatten_layers(include_self=True)}
    for model in list(found.values()):
        if _functional(model):
            found |= {id(one): one for one in model.operations}
    # Models have a type of their own, which nothing is computed in.
    return [one for one in found.values() if not isinstance(one, keras.Model)]


def _functional(layer: keras.Layer) -> bool:
    """Whether a model was made from its inputs and outputs; the class has no public name."""
    return hasattr(layer, "operations")


def _types(layer: keras.Operation) -> set[str]:
    """The floating-point types that a layer has weights, arithmetic and answers in."""
    found = []
    # An input computes nothing, and its policy is Keras' default.
    if isinstance(layer, keras.Layer) and not isinstance(layer, keras.layers.InputLayer):
        found += [layer.compute_dtype, layer.variable_dtype, *(w.dtype for w in layer.variables)]
    # A layer within a wrapper has no output of its own, and one that is used twice has two.
    with contextlib.suppress(AttributeError, ValueError):
        found += [one.dtype for one in keras.tree.flatten(layer.output)]
    return {one for one in found if floating(one)}


def _compare(copy: keras.Model, network: keras.Model, dtype: str) -> None:
    """Refuse a copy that is another function than the network.

    With u the machine epsilon, rounding changes a sum of n terms by at most n * u times the sum of
    their sizes (Higham 2002, section 3.1): sums one after another, by the total of their terms.
    Half of the digits are left to what cancels between.
    """
    # Few bits, so that every type holds these images exactly.
    shape = [PROBES, *(size or max(SHAPE) for size in network.input_shape[1:])]
    images = np.random.default_rng(0).integers(0, 256, size=shape) / 256
    try:
        expected, found = (_answers(model, images) for model in (network, copy))
    except Exception as error:  # TensorFlow raises what its kernels raise
        raise NetworkError(
            f"network {network.name!r} cannot be computed in {dtype} on this machine "
            f"({_first_line(error)}). Convolutions of some types need the channels last: put "
            "keras.layers.Permute((2, 3, 1)) before such."
        ) from error
    coarsest = max(EPSILON[one] for model in (network, copy) for one in _computed_in(model))
    terms = sum(math.prod(one.shape[:-1]) for one in network.variables)
    rounding = min(max(terms * coarsest, math.sqrt(coarsest)), 0.5)
    if coarsest > EPSILON["float32"]:
        # Half precision may round more than can be told from another function: layers made anew
        # in their own types round alike.
        twin = _converted(network, None)
        _fill(twin, network)
        _refuse_other(_answers(twin, images), expected, 16 * coarsest, twin, network, images)
    _refuse_other(found, expected, rounding, copy, network, images)
    if np.isfinite(expected).all() and not np.isfinite(found).all():
        log.warning(
            "network %s in %s: its answers to random images leave the range of the type. "
            "Its gradients may be NaN, and attacks that use them may seem to fail.",
            network.name,
            dtype,
        )


def _refuse_other(
    found: np.ndarray,
    expected: np.ndarray,
    rounding: float,
    copy: keras.Model,
    network: keras.Model,
    images: np.ndarray,
) -> None:
    """Refuse answers (n, ...) that differ by more than a share of the largest in most images."""
    if _alike(found, expected, rounding):
        return
    culprit = network
    for old, new in zip(network.layers, copy.layers, strict=True):
        with contextlib.suppress(AttributeError, ValueError):  # a layer that is used repeatedly
            before, after = (
                _answers(keras.Model(model.inputs[0], layer.output), images)
                for model, layer in ((network, old), (copy, new))
            )
            if not _alike(after, before, rounding):
                culprit = old
                break
    raise NetworkError(
        f"layer {culprit.name!r} of network {network.name!r} gives other answers after it is "
        f"copied: on random images they differ by more than {rounding:.2g} of the largest. "
        f"{_CASTABLE}"
    )


def _alike(found: np.ndarray, expected: np.ndarray, rounding: float) -> bool:
    """Whether most images have the answers expected; those that overflow tell nothing."""
    kept = np.isfinite(found).all(axis=1) & np.isfinite(expected).all(axis=1)
    if not kept.any():
        return True
    found, expected = found[kept], expected[kept]
    # Of most: a threshold, as in a quantised input, rounds a few to the other side.
    away = np.median(np.abs(found - expected).max(axis=1))
    return bool(away <= rounding * np.abs(expected).max())


def _answers(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """What a network answers to images, one row of float64 for each."""
    answers = keras.tree.flatten(network(images, training=False))
    rows = [keras.ops.convert_to_numpy(one).reshape(len(images), -1) for one in answers]
    return np.concatenate(rows, axis=1).astype(np.float64)


def _computed_in(network: keras.Model) -> set[str]:
    return {one for layer in _parts(network) for one in _types(layer)}


def assign(target: keras.Model, network: keras.Model) -> None:
    """Give `target` the weights of a network of the same architecture, rounded to its type.

    Raises:
        NetworkError: The architectures differ, a weight is NaN or infinite in the type of
            `target`, or the statistics of a Normalization layer change.
    """
    with same_constants(target, f"network {network.name!r}"):
        _fill(target, network)


def _fill(target: keras.Model, network: keras.Model) -> None:
    shapes = [[tuple(one.shape) for one in model.variables] for model in (target, network)]
    if shapes[0] != shapes[1]:
        raise NetworkError(
            f"network {network.name!r} has weights of the shapes {shapes[1]}, and its copy "
            f"{shapes[0]}: they are not of one architecture. {_CASTABLE}"
        )
    for new, old in zip(target.variables, network.variables, strict=True):
        new.assign(keras.ops.cast(old, new.dtype))
    for layer in with_constants(target):
        layer.finalize_state()
    check_weights(target, f"network {network.name!r} in {dtype_of(target)}")


def _first_line(error: Exception) -> str:
    """What an error says, without what Keras and TensorFlow wrap it in."""
    said = re.sub(r"Exception encountered when.*|\x1b\[[\d;]*m|\{\{.*?\}\}", "", str(error))
    return (said.strip() or type(error).__name__).splitlines()[0]
