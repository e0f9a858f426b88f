"""Training in one call, on arrays in memory. The workflow's jobs call `mirage.training.chain`."""

import importlib
import inspect
import math
import numbers
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from mirage.attacks import inputs
from mirage.data.images import as_float
from mirage.models import networks, output
from mirage.runtime.errors import ArgumentError
from mirage.training import chain, objectives


def train(
    network: keras.Model,
    training: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    *,
    epochs: int,
    learning_rate: float | Mapping = 0.002,
    optimizer: str | Mapping = "adam",
    batch_size: int = 100,
    objective: str | Mapping = "cross_entropy",
    l2: float = 0.0,
    teacher: keras.Model | None = None,
    seed: int = 0,
    initial_epoch: int = 0,
) -> list[dict[str, float | None]]:
    """Train a network in place, each epoch compiled as a whole.

    The order of the images, dropout and what the objective draws depend on the seed and the epoch
    alone. So training that goes on (`initial_epoch`) gives bit for bit what one call gives, on the
    same machine and with the same number of threads.

    Args:
        network: Keras model from images of any shape to logits, (n, classes), of one input and one
            output. One that gives probabilities is refused.
        training: Images (n, ...), uint8 with values 0 to 255 or floats in 0 to 1, and labels (n,),
            integers from 0 on. Images may be flat, or have the shape of the network's input.
        validation: The same of the images that each epoch is measured on; there may be none.
        epochs: The last epoch, counted from 1.
        learning_rate: A constant above 0, or `{"initial": a, "decay_epochs": d}`, which gives
            a / (e / d + 1) with e epochs done.
        optimizer: Name of a Keras optimizer, or `{"name": "sgd", "momentum": 0.9}`.
        batch_size: Images of a step. The incomplete last batch of an epoch is dropped.
        objective: What is minimised: `cross_entropy`, which takes a `temperature`,
            `{"name": "fgsm_mixed", "clean_weight": 0.5, "epsilon": 0.1}` (Goodfellow et al. 2014,
            section 6), `{"name": "pgd", "epsilon": 0.3, "steps": 40, "relative_step": 1 / 30}`
            (Madry et al. 2017, equation 2.1), `{"name": "distilled", "temperature": 20}` (Papernot
            et al. 2016), `{"name": "parseval", "beta": 0.001}` (Cisse et al. 2017, equation 5).
        l2: Weight of the sum over layers of 0.5 * ||W||^2, on weights only, not biases.
        teacher: The network whose answers `distilled` learns; of the same input.
        seed: At least 0.
        initial_epoch: Epochs that are done already. Above 0, training goes on with the optimizer
            of the network, which `train` and `load(..., training=True)` leave in it.

    Returns:
        A row for each epoch: epoch, learning_rate, objective (mean of what is minimised), loss and
        accuracy (of all training images, after the last epoch only, else None), validation_loss and
        validation_accuracy (None without validation images), seconds. Losses are the mean
        cross-entropy in nats.

    Raises:
        ArgumentError: An argument is not what it may be; the message says what is allowed.
        DataError: Images or labels do not fit the network.
        NetworkError: The network does not give a logit for each class.
        TrainingError: The loss is no longer finite, or there are fewer images than a batch.

    Example:
        >>> training, test = mirage.digits()
        >>> network = mirage.build({"name": "mlp", "hidden": [30]}, seed=1)
        >>> rows = mirage.train(network, training, test, epochs=5, learning_rate=0.01)
        >>> rows[-1]["epoch"], rows[-1]["validation_accuracy"] > 0.8
        (5, True)
    """
    data = [(inputs.shaped(network, images), labels) for images, labels in (training, validation)]
    _check_output(network, data[0][0][: output.PROBED])
    networks.check_seed(seed)
    _whole("initial_epoch", initial_epoch, 0)
    _whole("epochs", epochs, initial_epoch + 1)
    _whole("batch_size", batch_size, 1)
    if not _finite(l2) or l2 < 0:
        raise ArgumentError(f"l2 {l2!r}: it must be a finite number, at least 0.")
    _check_rate(learning_rate)
    objective = _objective(objective)
    if (teacher is None) == (objective["name"] == "distilled"):
        raise ArgumentError("teacher: the objective distilled needs one, and no other takes one.")
    # Keras keeps the learning rate in its default type: in float32 that of a float64 network
    # would be rounded.
    before = keras.config.floatx()
    keras.config.set_floatx(networks.dtype_of(network))
    try:
        optimizer = _optimizer(network, optimizer, initial_epoch)
        return chain.train(
            network,
            optimizer,
            *data,
            epochs=range(initial_epoch + 1, epochs + 1),
            seed=seed,
            schedule=learning_rate,
            batch_size=batch_size,
            objective=objective,
            l2=l2,
            teacher=teacher,
        )
    finally:
        keras.config.set_floatx(before)


def _check_output(network: keras.Model, images: np.ndarray) -> None:
    """Refuse a network whose answers the objectives would take for logits that they are not."""
    if not len(images):  # told by the chain
        return
    if images.dtype == np.uint8:
        images = as_float(images, networks.dtype_of(network)).reshape(images.shape)
    kind = output.logits_of(network, images)[1].kind
    if kind not in ("logits", "log-softmax", "sigmoid per class"):
        raise networks.NetworkError(
            f"network {network.name!r}: its output is a {kind}. Training needs a logit for each "
            "class: end the network in a layer of as many units as classes, two at least, without "
            "a softmax or sigmoid."
        )


def _named(argument: str, value: str | Mapping) -> Mapping:
    """A name, or a mapping that has one, as a mapping."""
    named = {"name": value} if isinstance(value, str) else value
    if not isinstance(named, Mapping) or "name" not in named:
        raise ArgumentError(
            f"{argument} {value!r}: it must be a name, or a mapping with `name` and its parameters."
        )
    return named


def _objective(objective: str | Mapping) -> Mapping:
    """An objective that there is, with all the parameters it needs and no other."""
    given = _named("objective", objective)
    known = sorted(path.stem for path in Path(objectives.__file__).parent.glob("[!_]*.py"))
    if (name := given["name"]) not in known:
        raise ArgumentError(f"objective {name!r}: allowed are {', '.join(known)}.")
    loss = importlib.import_module(f"mirage.training.objectives.{name}").loss
    takes = {
        key: one.default is one.empty
        for key, one in inspect.signature(loss).parameters.items()
        if one.kind is one.KEYWORD_ONLY and key not in ("seed", "teacher")
    }
    needed = {key for key, required in takes.items() if required}
    own = given.keys() - {"name"}
    if not needed <= own <= takes.keys():
        listed = [", ".join(sorted(keys)) or "none" for keys in (own, takes, needed)]
        raise ArgumentError(
            f"objective {name!r}: the parameters given are {listed[0]}. Allowed are {listed[1]}, "
            f"and of these it needs {listed[2]}."
        )
    return given


def _check_rate(rate: float | Mapping) -> None:
    if isinstance(rate, Mapping):
        if rate.keys() != {"initial", "decay_epochs"}:
            raise ArgumentError(
                f"learning_rate {rate!r}: a schedule has the keys initial and decay_epochs."
            )
        values = rate.values()
    else:
        values = [rate]
    if not all(_finite(value) and value > 0 for value in values):
        raise ArgumentError(f"learning_rate {rate!r}: it must be a finite number above 0.")


def _finite(value: object) -> bool:
    return isinstance(value, numbers.Real) and math.isfinite(value)


def _whole(argument: str, value: int, least: int) -> None:
    if not isinstance(value, numbers.Integral) or value < least:
        raise ArgumentError(f"{argument} {value!r}: it must be a whole number, at least {least}.")


def _optimizer(
    network: keras.Model, optimizer: str | Mapping, initial_epoch: int
) -> keras.Optimizer:
    """A fresh optimizer, or the network's own where training goes on."""
    if initial_epoch:
        own = getattr(network, "optimizer", None)
        if own is None:
            raise ArgumentError(
                f"initial_epoch {initial_epoch}: the network has no optimizer to go on with. Train "
                "it first, or open its checkpoint by `load(path, training=True)`."
            )
        return own
    wanted = _named("optimizer", optimizer)
    try:
        return chain.start(network, wanted)[1]
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"optimizer {optimizer!r}: {str(error).splitlines()[0]} Allowed are Keras' optimizers "
            "(adam, sgd, rmsprop ...) and their arguments, but the learning rate."
        ) from error
