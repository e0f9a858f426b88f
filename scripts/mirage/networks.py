"""Named architectures as Keras models that give logits, and checkpoints as Keras files."""

import contextlib
import json
import math
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np

CLASSES = 10
DTYPES = ("float16", "bfloat16", "float32", "float64")
SHAPE = (28, 28)
# What a network's name may be; schemas/config.schema.yaml has the same pattern.
NAMES = r"mlp(-[1-9]\d*)*|cnn-[1-9]\d*-[1-9]\d*-[1-9]\d*(-dropout0\.\d+)?|lenet"


class NetworkError(ValueError):
    """A network that cannot be built or read; the message says which and why."""


def build(name: str, dtype: str, seed: int, shape: Sequence[int] = SHAPE) -> keras.Model:
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
    """
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


def place(path: Path | str) -> str:
    """Where a checkpoint belongs, such as `float64/seed1/epoch8`."""
    return "/".join(Path(path).with_suffix("").parts[-3:])


def sign(path: Path | str, **about: str) -> None:
    """Write into a checkpoint what it is.

    It stands in the comment of the zip archive that a `.keras` file is: Keras does not mind, and
    `unzip -z` shows it.
    """
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = json.dumps(about).encode()


def verify(paths: Iterable[Path | str], **expected: str) -> None:
    """Refuse checkpoints that are damaged, or in the place of others.

    Args:
        paths: Written by `mirage.training.save`.
        expected: What they must say of themselves, besides their place.

    Raises:
        NetworkError: One is not whole, does not say what it is, or is another one; the message
            names it.
    """
    for path in paths:
        with _readable(path), zipfile.ZipFile(path) as archive:
            # Keras does not look at the checksums: a flipped bit would pass for a weight.
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(f"wrong checksum of {damaged}")
            about = json.loads(archive.comment or "{}")
        wanted = {"place": place(path), **expected}
        if wrong := {key: value for key, value in wanted.items() if about.get(key) != value}:
            said = ", ".join(f"{key} {about.get(key, 'unknown')}" for key in wrong)
            wish = ", ".join(f"{key} {value}" for key, value in wrong.items())
            raise NetworkError(
                f"{path}: not the checkpoint that belongs here. It says {said}; needed is {wish}. "
                f"{_REMEDY}"
            )


_REMEDY = "Delete it and run again: it is trained anew, and what was made from it is made anew."


@contextlib.contextmanager
def _readable(path: Path | str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # Keras raises what its parts raise: OSError, KeyError, BadZipFile
        raise NetworkError(
            f"{path}: not a readable Keras checkpoint ({error}). {_REMEDY}"
        ) from error
