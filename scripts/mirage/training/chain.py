"""Training: one compiled epoch, and a chain of checkpoints that equals one long run."""

import importlib
import inspect
import logging
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from mirage.attacks import gradients, inputs
from mirage.data.columns import write_rows
from mirage.models import checkpoints, networks
from mirage.runtime.errors import MirageError
from mirage.runtime.files import atomic

log = logging.getLogger(__name__)

HISTORY = (
    "epoch",
    "learning_rate",
    "objective",
    "loss",
    "accuracy",
    "validation_loss",
    "validation_accuracy",
    "seconds",
)


class TrainingError(MirageError, RuntimeError):
    """Training that cannot go on; the message gives the epoch and the loss."""


def learning_rate(schedule: float | Mapping, epoch: int) -> float:
    """Learning rate of an epoch, counted from 1.

    Args:
        schedule: A constant, or `{initial: a, decay_epochs: d}` for a / (e / d + 1), e being
            the number of epochs already done (yue2017's code: a = 0.05, d = 100).
        epoch: The epoch about to be trained, at least 1.
    """
    if isinstance(schedule, Mapping):
        return schedule["initial"] / ((epoch - 1) / schedule["decay_epochs"] + 1)
    return float(schedule)


def order(seed: int, epoch: int, count: int, batch_size: int) -> np.ndarray:
    """The images of each batch of an epoch: shape (count // batch_size, batch_size), int32.

    A fresh permutation that depends on (seed, epoch) alone, never on a hidden stream: so a
    chain of checkpoints visits the images as one long run does. The incomplete last batch is
    dropped, as in yue2017's code.
    """
    permutation = np.random.default_rng([seed, epoch]).permutation(count).astype(np.int32)
    steps = count // batch_size
    return permutation[: steps * batch_size].reshape(steps, batch_size)


def seeds(seed: int, epoch: int, steps: int, generators: int) -> list[np.ndarray]:
    """Seeds of all that an epoch draws but the order of the images, from (seed, epoch) alone.

    Returns:
        For the objective, shape (steps, 2), int32; then, for each random generator of the
        network's layers (dropout), its state, shape (2,), int32.
    """
    sequences = np.random.SeedSequence([seed, epoch, 1]).spawn(1 + generators)
    shapes = [(steps, 2)] + [(2,)] * generators
    return [
        # 31 bits: the types that TensorFlow and Keras keep seeds in differ in their sign.
        (sequence.generate_state(math.prod(shape)) >> 1).astype(np.int32).reshape(shape)
        for sequence, shape in zip(sequences, shapes, strict=True)
    ]


def loss_of(objective: Mapping, teacher: keras.Model | None = None) -> Callable[..., tf.Tensor]:
    """The loss of an objective, its parameters set.

    Args:
        objective: `name` of a module of `mirage.training.objectives` and its parameters.
        teacher: The network that an objective learns from, if it does.

    Returns:
        `loss(network, images, labels, seed) -> scalar`; only an objective that draws at random asks
        for the seed.
    """
    loss = importlib.import_module(f"mirage.training.objectives.{objective['name']}").loss
    parameters = {key: value for key, value in objective.items() if key != "name"}
    takes = inspect.signature(loss).parameters
    if "teacher" in takes:
        parameters["teacher"] = teacher
    if "seed" in takes:
        return lambda *batch, seed: loss(*batch, **parameters, seed=seed)
    return lambda *batch, seed: loss(*batch, **parameters)


def compiled_epoch(
    network: keras.Model,
    optimizer: keras.Optimizer,
    images: np.ndarray,
    labels: np.ndarray,
    objective: Callable[..., tf.Tensor],
    l2: float = 0.0,
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Compile a whole epoch, the loop over batches included, into one program.

    That is one XLA program, but for convolutions on a CPU: XLA's are several times slower there
    than those of TensorFlow's own graph.

    Args:
        network: Model to train, changed in place.
        optimizer: Keras optimizer, built for the network's variables; changed in place.
        images: Shape (n, d), uint8, or floats in 0 to 1. Bytes stay bytes on the device and
            become floats batch by batch, which costs no time and an eighth of float64's memory.
        labels: Shape (n,), integers from 0 on.
        objective: From `loss_of`.
        l2: Weight of the sum over layers of 0.5 * ||W||^2, on weights only, not biases.

    Returns:
        A function of the order of the images, shape (steps, batch size), int32, and the seed of
        each step, shape (steps, 2), int32. It gives the mean over the steps of what is minimised,
        the L2 term included: a scalar in the network's type.
    """
    pixels = tf.constant(images)
    classes = tf.constant(labels, tf.int32)
    dtype = networks.dtype_of(network)
    variables = network.trainable_variables
    weights = networks.kernels(network)

    on_cpu = not tf.config.list_physical_devices("GPU")

    # Nothing here is to be rewritten by autograph, which takes as long as tracing itself.
    @tf.function(jit_compile=not (on_cpu and networks.convolves(network)), autograph=False)
    def epoch(batches: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        steps = tf.shape(batches)[0]

        def step(number: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            batch = batches[number]
            x = _floats(tf.gather(pixels, batch), dtype)
            with tf.GradientTape() as tape:
                loss = objective(network, x, tf.gather(classes, batch), seed=seeds[number])
                if l2:
                    loss += l2 * sum(0.5 * tf.reduce_sum(tf.square(w)) for w in weights)
            optimizer.apply(tape.gradient(loss, variables), variables)
            return number + 1, total + loss

        begun = tf.constant(0), tf.constant(0, dtype)
        _, total = tf.while_loop(lambda number, _: number < steps, step, begun)
        return total / tf.cast(steps, dtype)

    return epoch


def _floats(pixels: tf.Tensor, dtype: str) -> tf.Tensor:
    """Bytes as floats in 0 to 1; floats as they are, in `dtype`."""
    return tf.cast(pixels, dtype) / 255 if pixels.dtype == tf.uint8 else tf.cast(pixels, dtype)


def loss_and_accuracy(
    network: keras.Model, images: np.ndarray, labels: np.ndarray
) -> tuple[float, float]:
    """Mean cross-entropy (nats) and share of images classified rightly.

    Args:
        network: Model from images to logits.
        images: Shape (n, d), uint8, or floats in 0 to 1.
        labels: Shape (n,), integers from 0 on.
    """
    loss, right = 0.0, 0
    dtype = networks.dtype_of(network)
    for part in gradients.batches(len(images)):
        logits = gradients.logits(network, _floats(tf.constant(images[part]), dtype))
        # Summed in float64: in the network's type the rounding of a sum over 55,000 images
        # would be larger than the loss of an overfitted network.
        wide = tf.cast(logits, tf.float64)
        loss += float(tf.reduce_sum(gradients.cross_entropy(wide, tf.cast(labels[part], tf.int32))))
        right += int((logits.argmax(axis=1) == labels[part]).sum())
    return loss / len(images), right / len(images)


def start(network: keras.Model, optimizer: Mapping) -> tuple[keras.Model, keras.Optimizer]:
    """A network as it is, made ready for training with a fresh optimizer.

    Args:
        network: Changed in place: compiled, so that a checkpoint of it holds the optimizer.
        optimizer: `name` of a Keras optimizer and its arguments, but the learning rate.
    """
    arguments = {key: value for key, value in optimizer.items() if key != "name"}
    fresh = keras.optimizers.get({"class_name": optimizer["name"], "config": arguments})
    fresh.build(network.trainable_variables)
    # So that any Keras program can evaluate the checkpoint, too; jit_compile stays off because
    # this project compiles whole epochs itself.
    network.compile(
        optimizer=fresh,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
    )
    return network, fresh


def train(
    network: keras.Model,
    optimizer: keras.Optimizer,
    training: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    *,
    epochs: range,
    seed: int,
    schedule: float | Mapping,
    batch_size: int,
    objective: Mapping,
    l2: float = 0.0,
    teacher: keras.Model | None = None,
) -> list[dict[str, float | None]]:
    """Train a network in place, and measure it after every epoch.

    On all training images only after the last: they are many, and measuring them took a third of
    the time of training. What is minimised is known of every epoch without that.

    Args:
        network: From `start`, or a checkpoint opened with its optimizer.
        optimizer: The network's optimizer.
        training: Images (n, d), uint8 or floats in 0 to 1, and labels (n,).
        validation: The same of the validation images, of which there may be none.
        epochs: Epochs to train, counted from 1.
        seed: Seed of the order of the images, of dropout and of the objective's draws; with the
            epoch it gives all of them.
        schedule: As in `learning_rate`.
        batch_size: Images of a step.
        objective: `name` of a module of `mirage.training.objectives` and its parameters.
        l2: As in `compiled_epoch`.
        teacher: As in `loss_of`.

    Returns:
        One row for each epoch with the fields of `HISTORY`: `objective`, the mean over the epoch's
        batches of what is minimised, while the weights change; `validation_loss` and
        `validation_accuracy`, of all validation images after the epoch, None without any; `loss`
        and `accuracy`, of all training images, None but for the last epoch. The two losses are the
        mean cross-entropy in nats.

    Raises:
        TrainingError: The validation loss (what is minimised, where no image validates) is no
            longer finite, or there are fewer images than a batch.
        DataError: A label is no class of the network, or an image is NaN or infinite somewhere.
    """
    validates = len(validation[0]) > 0
    for split in (training, validation) if validates else (training,):
        inputs.check_training(network, *split)
    images, labels = training
    if len(images) < batch_size:
        raise TrainingError(
            f"{len(images)} training images are fewer than one batch of {batch_size}: "
            "lower batch_size or raise split.train in the configuration"
        )
    run = compiled_epoch(network, optimizer, images, labels, loss_of(objective, teacher), l2)
    rows = []
    # On a terminal a bar; in a job's log a line for every epoch.
    with tqdm(epochs, unit="epoch", disable=None) as bar:
        for epoch in bar:
            began = time.perf_counter()
            rate = learning_rate(schedule, epoch)
            optimizer.learning_rate = rate
            batches = order(seed, epoch, len(images), batch_size)
            steps, *draws = seeds(seed, epoch, len(batches), len(networks.draws(network)))
            for state, drawn in zip(networks.draws(network), draws, strict=True):
                state.assign(drawn)
            minimised = float(run(tf.constant(batches), tf.constant(steps)))
            last = epoch == epochs[-1]
            measured = (
                *(loss_and_accuracy(network, images, labels) if last else (None, None)),
                *(loss_and_accuracy(network, *validation) if validates else (None, None)),
            )
            seconds = time.perf_counter() - began
            row = (epoch, rate, minimised, *measured, seconds)
            rows.append(dict(zip(HISTORY, row, strict=True)))
            *_, loss, accuracy = measured
            what, value = ("validation loss", loss) if validates else ("objective", minimised)
            if not math.isfinite(value):
                raise TrainingError(
                    f"epoch {epoch}: the {what} is {value} at learning rate {rate:g}. "
                    "Training has diverged: lower the learning rate of this run. The checkpoint "
                    "before this epoch is kept."
                )
            log.info(
                "epoch %d/%d  objective %.4g  validation %s  %.0f s left",
                *(epoch, epochs[-1], minimised),
                f"{loss:.4g} {accuracy:.4f}" if validates else "none",
                (epochs[-1] - epoch) * seconds,
            )
    return rows


def save(
    network: keras.Model,
    rows: list[dict[str, float]],
    checkpoint: Path,
    history: Path,
    about: Mapping[str, str] | None = None,
) -> None:
    """Write a checkpoint in Keras' own format and, beside it, its epochs as CSV; both whole.

    The checkpoint says where it belongs and `about` it, for `mirage.models.checkpoints.verify`.
    """
    write_rows(rows, history)
    with atomic(checkpoint) as temporary:
        network.save(temporary)
        checkpoints.sign(temporary, place=checkpoints.place(checkpoint), **(about or {}))
