"""Named architectures as Keras models that give logits."""

import contextlib
import json
import math
import numbers
from collections.abc import Iterator, Mapping, Sequence

import keras
import numpy as np
from pydantic import ValidationError

from mirage.data.images import CLASSES, SIDE
from mirage.models import rbf
from mirage.models.architectures import (
    ARCHITECTURES,
    INITIAL_WEIGHTS,
    Cnn,
    Lenet,
    Mlp,
    Part,
    Rbf,
)
from mirage.models.initial_weights import draw
from mirage.runtime.errors import ArgumentError, MirageError

# Each type with its machine epsilon, the distance from 1 to the next larger number.
EPSILON = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}
DTYPES = tuple(EPSILON)
SHAPE = (SIDE, SIDE)


class NetworkError(MirageError, ValueError):
    """A network that cannot be built or read; the message says which and why."""


def build(
    architecture: Mapping,
    dtype: str = "float32",
    seed: int = 0,
    shape: Sequence[int] = SHAPE,
    initial_weights: str | Mapping = "glorot_uniform",
    images: np.ndarray | None = None,
    classes: int = CLASSES,
) -> keras.Model:
    """Build a network with weights drawn at random.

    They are drawn in float64 and rounded to `dtype`, so that runs which differ only in their
    floating-point type start from the same point. With `one_seed` alone they are drawn in `dtype`.

    Args:
        architecture: One of
            `{"name": "mlp", "hidden": [200, 300]}`,
            `{"name": "cnn", "filters": [32, 64], "dense": 1024, "dropout": 0.4}`,
            `{"name": "lenet"}`,
            `{"name": "rbf", "units": 300, "width": 5.0}`;
            `mirage.models.architectures` says what each is.
        dtype: Type of weights and arithmetic, one of `DTYPES`.
        seed: Seed of the weights, at least 0.
        shape: Of one image: (height, width), or (height, width, channels). That of the embedded
            digits and of MNIST where it is not given, as is `classes`.
        initial_weights: `glorot_uniform`, with zero biases;
            `{"name": "glorot_uniform", "one_seed": True}`, or `{"name": "normal", "deviation": 1}`;
            `mirage.models.architectures` says what each is.
        images: Training images, shape (n, ...), uint8 or floats in 0 to 1. The centres of `rbf`
            start at some of them, drawn at random; at uniform values without any.
        classes: Number of classes, at least 2.

    Returns:
        A model from flat images, shape (n, d), d being the product of `shape`, values 0 to 1, to
        logits, shape (n, classes).

    Raises:
        NetworkError: There is no such architecture, or no such initial weights, or `pool` does not
            divide the sides of an image.
        ArgumentError: The type is not one of `DTYPES`, the seed no whole number from 0 on, or
            `classes` none from 2 on; or there are fewer images than centres.

    Example:
        >>> network = mirage.build({"name": "mlp", "hidden": [200, 300]}, seed=1)
        >>> network.input_shape, network.output_shape, network.count_params()
        ((None, 784), (None, 10), 220310)
    """
    check_dtype(dtype)
    check_seed(seed)
    if not isinstance(classes, numbers.Integral) or classes < 2:
        raise ArgumentError(f"classes {classes!r}: it must be a whole number, at least 2.")
    wanted = _chosen("network", architecture, ARCHITECTURES, {"name": "mlp", "hidden": [200, 300]})
    if isinstance(initial_weights, str):
        initial_weights = {"name": initial_weights}
    begun = {"name": "normal", "deviation": 1.0}
    weights = _chosen("initial weights", initial_weights, INITIAL_WEIGHTS, begun)
    match wanted:
        case Mlp(hidden=widths, dropout=dropout, pool=pool):
            filters = []
        case Cnn(filters=filters, dense=width, dropout=dropout):
            widths, pool = [width], 1
        case Lenet():
            filters, widths, dropout, pool = [20, 50], [500], 0.0, 1
        case Rbf():
            filters, widths, dropout, pool = [], [], 0.0, 1
    if any(side % pool for side in shape[:2]):
        raise NetworkError(
            f"network {architecture!r}: pool {pool} does not divide the sides of an image, "
            f"{shape[0]} and {shape[1]}"
        )
    hidden = []
    if filters or pool > 1:
        hidden.append(keras.layers.Reshape((*shape, 1)[:3], dtype=dtype, name="pixels"))
    if pool > 1:
        hidden.append(keras.layers.AveragePooling2D(pool, dtype=dtype, name="means"))
    for number, count in enumerate(filters, start=1):
        hidden += [
            keras.layers.Conv2D(
                count,
                5,
                padding="same" if wanted.name == "cnn" else "valid",
                activation="relu",
                dtype=dtype,
                name=f"convolution{number}",
            ),
            keras.layers.MaxPooling2D(2, dtype=dtype, name=f"pooling{number}"),
        ]
    if hidden:
        hidden.append(keras.layers.Flatten(dtype=dtype, name="features"))
    if isinstance(wanted, Rbf):
        hidden.append(rbf.Gaussians(wanted.units, wanted.width, dtype=dtype, name="gaussians"))
    for number, width in enumerate(widths, start=1):
        hidden.append(
            keras.layers.Dense(width, activation="relu", dtype=dtype, name=f"layer{number}")
        )
        if dropout:
            name = f"dropout{number}"
            hidden.append(keras.layers.Dropout(dropout, seed=seed, dtype=dtype, name=name))
    network = keras.Sequential(
        [
            keras.Input((math.prod(shape),), dtype=dtype, name="images"),
            *hidden,
            keras.layers.Dense(classes, dtype=dtype, name=f"layer{len(widths) + 1}"),
        ],
        name=wanted.name,
    )
    drawn = trained(network, "kernel", "bias") if weights.name == "normal" else kernels(network)
    for variable, values in zip(drawn, draw(weights, drawn, seed, dtype), strict=True):
        variable.assign(values)
    for centres in trained(network, "centres"):
        rbf.place(centres, seed, images)
    return network


def _chosen(what: str, given: Mapping, known: Mapping[str, type[Part]], example: Mapping) -> Part:
    """The typed part of that name.

    Raises:
        NetworkError: There is none, or a value is not allowed.
    """
    name = given.get("name") if isinstance(given, Mapping) else None
    if not isinstance(name, str) or name not in known:
        raise NetworkError(
            f"{what} {given!r}: it must be a mapping with a name, such as {json.dumps(example)}; "
            f"known are {', '.join(known)}"
        )
    try:
        return known[name].model_validate(dict(given))
    except ValidationError as error:
        faults = (
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
            for one in error.errors(include_url=False)
        )
        raise NetworkError(f"{what} {given!r}: {'; '.join(faults)}") from None


def check_dtype(dtype: str) -> None:
    """Refuse a floating-point type that is not in `DTYPES`.

    Raises:
        ArgumentError: It is another one.
    """
    if dtype not in DTYPES:
        raise ArgumentError(f"dtype {dtype!r}: allowed are {', '.join(DTYPES)}.")


def check_seed(seed: int) -> None:
    """Refuse a seed that nothing can be drawn with.

    Raises:
        ArgumentError: It is no whole number, or negative.
    """
    if not isinstance(seed, numbers.Integral) or seed < 0:
        raise ArgumentError(f"seed {seed!r}: it must be a whole number, at least 0.")


def kernels(network: keras.Model) -> list[keras.Variable]:
    """The weights (not the biases) of a network's layers, from its input to its output.

    Matrices, and of a convolution (height, width, channels in, channels out).
    """
    return trained(network, "kernel")


def trained(network: keras.Model, *names: str) -> list[keras.Variable]:
    """The variables of these names that are trained, from a network's input to its output."""
    return [one for one in network.trainable_variables if one.path.rpartition("/")[2] in names]


def draws(network: keras.Model) -> list[keras.Variable]:
    """The states of the random generators of a network's layers (dropout), from its input on."""
    return [
        layer.seed_generator.state
        for layer in network.layers
        if isinstance(layer, keras.layers.Dropout)
    ]


def convolves(network: keras.Model) -> bool:
    """Whether a network has convolutions."""
    return any(isinstance(layer, keras.layers.Conv2D) for layer in network.layers)


def floating(dtype: object) -> bool:
    """Whether a `dtype` of Keras, as a name or as the configuration of a policy, is of floats."""
    name = dtype["config"].get("name") if isinstance(dtype, dict) else dtype
    return str(name).removeprefix("mixed_") in DTYPES


def with_constants(network: keras.Model) -> list[keras.Layer]:
    """Layers that compute with constants made from their weights (Keras' preprocessing)."""
    return [one for one in network._flatten_layers() if hasattr(one, "finalize_state")]


@contextlib.contextmanager
def same_constants(network: keras.Model, name: str) -> Iterator[None]:
    """Refuse that new weights change constants: what TensorFlow has traced has the old ones."""

    def constants():
        return {one: [w.numpy() for w in one.variables] for one in with_constants(network)}

    before = constants()
    yield
    for layer, values in constants().items():
        if not all(map(np.array_equal, values, before[layer])):
            raise NetworkError(
                f"{name}: the statistics of layer {layer.name!r} are others than in the checkpoint "
                "before. Checkpoints of one run must have the same: attack each by itself."
            )


def check_weights(network: keras.Model, name: str) -> None:
    """Refuse a network with weights that are NaN or infinite: its answers mean nothing.

    Args:
        network: Any Keras model.
        name: How the message calls it, such as the path of its checkpoint.

    Raises:
        NetworkError: A weight is not finite; the message names the layer.
    """
    for variable in network.variables:
        values = variable.numpy()
        if floating(variable.dtype) and not (finite := np.isfinite(values)).all():
            raise NetworkError(
                f"{name}: {finite.size - np.count_nonzero(finite)} of the {finite.size} weights "
                f"{variable.path!r} are NaN or infinite. Such a network answers nothing: its "
                "training has diverged, its file was changed, or the type cannot hold its weights."
            )


def dtype_of(network: keras.Model) -> str:
    """The floating-point type a network computes in, as a name from `DTYPES`."""
    last = network.layers[-1]
    return dtype_of(last) if isinstance(last, keras.Model) else last.compute_dtype
