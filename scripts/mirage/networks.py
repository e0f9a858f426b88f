"""Named architectures as Keras models that give logits, and checkpoints as Keras files."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

PIXELS = 784
CLASSES = 10
DTYPES = ("float16", "bfloat16", "float32", "float64")


class NetworkError(ValueError):
    """A network that cannot be built or read; the message says which and why."""


def build(name: str, dtype: str, seed: int) -> keras.Model:
    """Build a network with Glorot-uniform weights and zero biases.

    The weights are drawn in float64 and rounded to `dtype`, so that runs which differ only in
    their floating-point type start from the same point.

    Args:
        name: `mlp-200-300`: a fully connected network 784-200-300-10 with ReLU between its
            layers (yue2017, section 4.1 and appendix C); any list of widths will do.
        dtype: Type of weights and arithmetic, one of `DTYPES`.
        seed: Seed of the weights, at least 0.

    Returns:
        A model from images, shape (n, 784), values 0 to 1, to logits, shape (n, 10).

    Raises:
        NetworkError: The name is not that of a known network.
    """
    if not re.fullmatch(r"mlp(-[1-9]\d*)*", name):
        raise NetworkError(f"network {name!r}: known are mlp-N-N-..., for example mlp-200-300")
    widths = [int(width) for width in name.split("-")[1:]]
    stack = [keras.Input((PIXELS,), dtype=dtype, name="images")]
    for number, width in enumerate(widths, start=1):
        stack.append(
            keras.layers.Dense(width, activation="relu", dtype=dtype, name=f"layer{number}")
        )
    stack.append(keras.layers.Dense(CLASSES, dtype=dtype, name=f"layer{len(widths) + 1}"))
    network = keras.Sequential(stack, name=name.replace("-", "_"))
    for number, kernel in enumerate(kernels(network)):
        layer_seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        draw = keras.initializers.GlorotUniform(seed=layer_seed)
        kernel.assign(keras.ops.cast(draw(kernel.shape, dtype="float64"), dtype))
    return network


def kernels(network: keras.Model) -> list[keras.Variable]:
    """The weight matrices (not the biases) of a network, from its input to its output."""
    return [
        variable for variable in network.trainable_variables if variable.path.endswith("/kernel")
    ]


def cast(network: keras.Model, dtype: str) -> keras.Model:
    """Copy a network with weights and arithmetic in another floating-point type.

    Args:
        network: A Sequential or Functional model of Keras layers with one input.
        dtype: One of `DTYPES`; a narrower type rounds the weights.

    Returns:
        A new model; the given one is left as it is.
    """

    def convert(layer: keras.Layer) -> keras.Layer:
        return layer.__class__.from_config({**layer.get_config(), "dtype": dtype})

    # The input is made anew as well: Keras casts silently to the type of the input layer, and
    # float64 images would pass through float32.
    copy = keras.models.clone_model(
        network,
        input_tensors=keras.Input(network.input_shape[1:], dtype=dtype),
        clone_function=convert,
    )
    assign(copy, network)
    return copy


def assign(target: keras.Model, network: keras.Model) -> None:
    """Give `target` the weights of a network of the same architecture, rounded to its type."""
    for new, old in zip(target.variables, network.variables, strict=True):
        new.assign(keras.ops.cast(old, new.dtype))


def dtype_of(network: keras.Model) -> str:
    """The floating-point type a network computes in, as a name from `DTYPES`."""
    return network.layers[-1].compute_dtype


def load(path: Path | str, *, training: bool = False) -> keras.Model:
    """Open a checkpoint; no code stored in the file is run (Keras' safe mode).

    Args:
        path: A `.keras` file.
        training: Also restore the optimizer and its state.

    Raises:
        NetworkError: The file is missing or no Keras checkpoint; the message names it.
    """
    with _readable(path):
        return keras.saving.load_model(path, compile=training, safe_mode=True)


def load_weights(network: keras.Model, path: Path | str) -> None:
    """Give a network the weights of another checkpoint of its architecture.

    Faster than `load`: neither the model nor the optimizer is built anew.

    Raises:
        NetworkError: The file is missing or no such checkpoint; the message names it.
    """
    with _readable(path):
        network.load_weights(path)


@contextlib.contextmanager
def _readable(path: Path | str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # Keras raises what its parts raise: OSError, KeyError, BadZipFile
        raise NetworkError(
            f"{path}: not a readable Keras checkpoint ({error}). Delete it and run again: "
            "only this link of the chain is trained anew."
        ) from error
