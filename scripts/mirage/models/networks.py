"""Named architectures as Keras models that give logits, and checkpoints as Keras files."""

import contextlib
import json
import logging
import math
import numbers
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np

from mirage.data.images import CLASSES, SIDE
from mirage.runtime.errors import ArgumentError, MirageError

log = logging.getLogger(__name__)

# Each type with its machine epsilon, the distance from 1 to the next larger number.
EPSILON = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}
DTYPES = tuple(EPSILON)
SHAPE = (SIDE, SIDE)
# What a network's name may be; schemas/config.schema.yaml has the same pattern.
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
        NetworkError: A layer cannot be made anew, does not compute in `dtype`, or gives other
            answers there; or a weight is NaN or infinite, or too large for `dtype`. The message
            names the layer.
        ArgumentError: The type is not one of `DTYPES`.

    Example:
        >>> network = mirage.build("mlp-30")
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
                one.shape[1:], dtype=dtype if dtype and _floating(one.dtype) else one.dtype
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
        key: dtype if key == "dtype" and _floating(value) else _in_type(value, dtype)
        for key, value in config.items()
    }


def _floating(dtype: object) -> bool:
    """Whether a `dtype` of Keras, as a name or as the configuration of a policy, is of floats."""
    name = dtype["config"].get("name") if isinstance(dtype, dict) else dtype
    return str(name).removeprefix("mixed_") in DTYPES


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
    return {one for one in found if _floating(one)}


def _compare(copy: keras.Model, network: keras.Model, dtype: str) -> None:
    """Refuse a copy that is another function than the network.

    With u the machine epsilon, rounding changes a sum of n terms by at most n * u times the sum of
    their sizes (Higham 2002, section 3.1): sums one after another, by the total of their terms.
    Half of the digits are left to what cancels between.
    """
    # Few bits, so that every type holds these images exactly.
    shape = [PROBES, *(size or max(SHAPE) for size in network.input_shape[1:])]
    images = np.random.default_rng(0).integers(0, 256, size=shape) / 256
    expected, found = (_answers(model, images) for model in (network, copy))
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
    with _same_constants(target, f"network {network.name!r}"):
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
    for layer in _with_constants(target):
        layer.finalize_state()
    check_weights(target, f"network {network.name!r} in {dtype_of(target)}")


def _with_constants(network: keras.Model) -> list[keras.Layer]:
    """Layers that compute with constants made from their weights (Keras' preprocessing)."""
    return [one for one in network._flatten_layers() if hasattr(one, "finalize_state")]


@contextlib.contextmanager
def _same_constants(network: keras.Model, name: str) -> Iterator[None]:
    """Refuse that new weights change constants: what TensorFlow has traced has the old ones."""

    def constants():
        return {one: [w.numpy() for w in one.variables] for one in _with_constants(network)}

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
        if _floating(variable.dtype) and not (finite := np.isfinite(values)).all():
            raise NetworkError(
                f"{name}: {finite.size - np.count_nonzero(finite)} of the {finite.size} weights "
                f"{variable.path!r} are NaN or infinite. Such a network answers nothing: its "
                "training has diverged, its file was changed, or the type cannot hold its weights."
            )


def dtype_of(network: keras.Model) -> str:
    """The floating-point type a network computes in, as a name from `DTYPES`."""
    last = network.layers[-1]
    return dtype_of(last) if isinstance(last, keras.Model) else last.compute_dtype


def load(path: Path | str, *, training: bool = False) -> keras.Model:
    """Open a checkpoint; no code stored in the file is run (Keras' safe mode).

    Args:
        path: A `.keras` file.
        training: Also restore the optimizer and its state.

    Returns:
        A model from images to logits, in the type it was saved in.

    Raises:
        NetworkError: The file is missing or no Keras checkpoint, or has weights that are NaN or
            infinite; the message names it, and the layer.

    Example:
        >>> mirage.build("mlp-30").save("mine.keras")
        >>> mirage.load("mine.keras").name
        'mlp_30'
    """
    with _readable(path):
        network = keras.saving.load_model(path, compile=training, safe_mode=True)
    check_weights(network, str(path))
    return network


def load_weights(network: keras.Model, path: Path | str) -> None:
    """Give a network the weights of another checkpoint of its architecture.

    Faster than `load`: neither the model nor the optimizer is built anew.

    Raises:
        NetworkError: The file is missing or no such checkpoint, has weights that are NaN or
            infinite, or other statistics in a Normalization layer; the message names it.
    """
    with _same_constants(network, str(path)), _readable(path):
        network.load_weights(path)
    check_weights(network, str(path))


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
        paths: Written by `mirage.training.chain.save`.
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


_REMEDY = (
    "Delete it and run again: the workflow trains it anew, and makes anew what was made from it."
)


@contextlib.contextmanager
def _readable(path: Path | str) -> Iterator[None]:
    if not Path(path).exists():
        raise NetworkError(f"{path}: there is no such file. A checkpoint is a file *.keras.")
    try:
        yield
    except Exception as error:  # Keras raises what its parts raise: OSError, KeyError, BadZipFile
        raise NetworkError(
            f"{path}: not a readable Keras checkpoint ({error}). {_REMEDY}"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
