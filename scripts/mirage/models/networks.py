"""Named architectures as Keras models that give logits."""

import contextlib
import math
import numbers
import re
from collections.abc import Iterator, Sequence

import keras
import numpy as np

from mirage.data.images import CLASSES, SIDE
from mirage.runtime.errors import ArgumentError, MirageError

# Each type with its machine epsilon, the distance from 1 to the next larger number.
EPSILON = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}
DTYPES = tuple(EPSILON)
SHAPE = (SIDE, SIDE)
# What a network's name may be; mirage.study.model has the same pattern.
NAMES = r"mlp(-[1-9]\d*)*|cnn-[1-9]\d*-[1-9]\d*-[1-9]\d*(-dropout0\.\d+)?|lenet"


class NetworkError(MirageError, ValueError):
    """A network that cannot be built or read; the message says which and why."""


def build(
    name: str, dtype: str = "float32", seed: int = 0, shape: Sequence[int] = SHAPE
) -> keras.Model:
    """Build a network with Glorot-uniform weights and zero biases.

    The weights are drawn in float64 and rounded to `dtype`, so that runs which differ only in
    their floating-point type start from the same point.

    Args:
        name: One of
            `mlp-200-300`: fully connected, 784-200-300-10 with ReLU between its layers (yue2017,
            section 4.1 and appendix C); any list of widths will do, `mlp` being a linear network.
            `cnn-32-64-1024-dropout0.4`: two convolutions 5x5 of 32 and 64 channels, each with ReLU
            and max-pooling by 2, a layer of 1024 with ReLU, dropout of 0.4 in training (hao,
            section 5); the images keep their size in a convolution.
            `lenet`: convolutions 5x5 of 20 and 50 channels without padding, each with ReLU and
            max-pooling by 2, a layer of 500 with ReLU (LeCun et al. 1998 as it comes with Caffe
            and MatConvNet; Moosavi-Dezfooli et al. 2016, table 1).
        dtype: Type of weights and arithmetic, one of `DTYPES`.
        seed: Seed of the weights, at least 0.
        shape: Of one image: (height, width), or (height, width, channels).

    Returns:
        A model from flat images, shape (n, d), values 0 to 1, to logits, shape (n, 10).

    Raises:
        NetworkError: The name is not that of a known network.
        ArgumentError: The type is not one of `DTYPES`, or the seed no whole number from 0 on.

    Example:
        >>> network = mirage.build("mlp-200-300", seed=1)
        >>> network.input_shape, network.output_shape, network.count_params()
        ((None, 784), (None, 10), 220310)
    """
    check_dtype(dtype)
    check_seed(seed)
    if not re.fullmatch(NAMES, name):
        raise NetworkError(
            f"network {name!r}: known are mlp-N-N-... (mlp-200-300), "
            "cnn-N-N-N (cnn-32-64-1024-dropout0.4) and lenet"
        )
    kind, *sizes = name.split("-")
    if kind == "mlp":
        hidden, dropout = [], 0.0
        widths = [int(size) for size in sizes]
    else:
        dropout = float(sizes.pop().removeprefix("dropout")) if "dropout" in name else 0.0
        *channels, width = map(int, sizes) if kind == "cnn" else (20, 50, 500)
        widths = [width]
        hidden = [keras.layers.Reshape((*shape, 1)[:3], dtype=dtype, name="pixels")]
        for number, count in enumerate(channels, start=1):
            hidden += [
                keras.layers.Conv2D(
                    count,
                    5,
                    padding="same" if kind == "cnn" else "valid",
                    activation="relu",
                    dtype=dtype,
                    name=f"convolution{number}",
                ),
                keras.layers.MaxPooling2D(2, dtype=dtype, name=f"pooling{number}"),
            ]
        hidden.append(keras.layers.Flatten(dtype=dtype, name="features"))
    for number, width in enumerate(widths, start=1):
        hidden.append(
            keras.layers.Dense(width, activation="relu", dtype=dtype, name=f"layer{number}")
        )
    if dropout:
        hidden.append(keras.layers.Dropout(dropout, seed=seed, dtype=dtype, name="dropout"))
    network = keras.Sequential(
        [
            keras.Input((math.prod(shape),), dtype=dtype, name="images"),
            *hidden,
            keras.layers.Dense(CLASSES, dtype=dtype, name=f"layer{len(widths) + 1}"),
        ],
        name=name.replace("-", "_").replace(".", "_"),
    )
    for number, kernel in enumerate(kernels(network)):
        layer_seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        draw = keras.initializers.GlorotUniform(seed=layer_seed)
        kernel.assign(keras.ops.cast(draw(kernel.shape, dtype="float64"), dtype))
    return network


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
    return [
        variable for variable in network.trainable_variables if variable.path.endswith("/kernel")
    ]


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
