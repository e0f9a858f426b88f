"""Attacks and measures over the checkpoints of a run, as rows of tidy tables."""

import importlib
import inspect
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from mirage import gradients, measures, networks
from mirage.images import as_float


def adversarial(
    method: str,
    attacker: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    epsilon: float,
    parameters: Mapping,
    **offered: object,
) -> np.ndarray:
    """Adversarial images by the attack of that name.

    Args:
        method: A module of `mirage.attacks`.
        attacker: The network whose gradient is used, in the type of the gradient.
        images: Shape (n, 784), in the type of the attacked network.
        labels: Shape (n,).
        epsilon: Size in the attack's norm, pixels lying in 0 to 1.
        parameters: The attack's own parameters.
        offered: What an attack may make use of (`seed`, `slope`); passed on if it asks for it.

    Returns:
        Shape and type of `images`.
    """
    attack = importlib.import_module(f"mirage.attacks.{method}").attack
    asked = inspect.signature(attack).parameters
    used = {key: value for key, value in offered.items() if key in asked}
    return attack(attacker, images, labels, epsilon=epsilon, **parameters, **used)


def evaluate(
    attacked: Sequence[Path],
    sources: Sequence[Path],
    images: np.ndarray,
    labels: np.ndarray,
    *,
    method: str,
    parameters: Mapping,
    dtype: str,
    epsilons: Sequence[str],
    seeds: Sequence[Sequence[int]],
) -> Iterator[dict[str, object]]:
    """Attack the checkpoints of a run at every epsilon.

    The gradient is computed in `dtype`, weights and images cast to it; the step is made and the
    answer given in the type the network was trained in. So what changes from one `dtype` to
    another is the attacker's arithmetic alone, never the network that is attacked.

    Args:
        attacked: Checkpoints of the networks that are attacked, of one architecture.
        sources: For each the checkpoint whose gradient is used: the same, or that of another
            network for a transfer attack.
        images: Shape (n, 28, 28), uint8.
        labels: Shape (n,), integers 0 to 9.
        method: A module of `mirage.attacks`.
        parameters: The attack's parameters; `gradient` is a name in `mirage.gradients.LOSSES`.
        dtype: Type of the gradient, a name in `mirage.networks.DTYPES`.
        epsilons: Sizes in the attack's norm, as text.
        seeds: For each checkpoint the seed of attacks that draw at random.

    Yields:
        For each checkpoint and epsilon: gradient, dtype, epsilon, n, clean_accuracy, accuracy,
        the shares of `mirage.gradients.masking` at the clean images, and seconds (of the attack;
        the gradient that all epsilons share is counted in each).

    Raises:
        NetworkError: A checkpoint cannot be read.
    """
    # The networks are built once and take the weights of one checkpoint after another: what
    # TensorFlow has traced for them serves all.
    network = networks.load(attacked[0])
    transfer = list(sources) != list(attacked)
    source = networks.load(sources[0]) if transfer else network
    attacker, exact = (networks.cast(source, kind) for kind in (dtype, "float64"))
    loss = parameters["gradient"]
    for checkpoint, origin, seed in zip(attacked, sources, seeds, strict=True):
        networks.load_weights(network, checkpoint)
        if transfer:
            networks.load_weights(source, origin)
        for copy in (attacker, exact):
            networks.assign(copy, source)
        shared, clean, masking = 0.0, 0, Counter()
        seconds, right = Counter(), Counter()
        for part in gradients.batches(len(images)):
            pixels, classes = as_float(images[part], networks.dtype_of(network)), labels[part]
            began = time.perf_counter()
            slope = gradients.input_gradient(attacker, pixels, classes, loss, len(images))
            shared += time.perf_counter() - began
            signs = gradients.sign(gradients.input_gradient(exact, pixels, classes, "exact_sign"))
            for name, share in gradients.masking(slope, signs).items():
                masking[name] += share * len(classes) / len(images)
            clean += measures.correct(gradients.logits(network, pixels), classes)
            known = {"seed": (*seed, part.start), "slope": slope}
            for epsilon in epsilons:
                began = time.perf_counter()
                moved = adversarial(
                    method, attacker, pixels, classes, float(epsilon), parameters, **known
                )
                seconds[epsilon] += time.perf_counter() - began
                right[epsilon] += measures.correct(gradients.logits(network, moved), classes)
        for epsilon in epsilons:
            yield {
                "gradient": loss,
                "dtype": dtype,
                "epsilon": epsilon,
                "n": len(images),
                "clean_accuracy": clean / len(images),
                "accuracy": right[epsilon] / len(images),
                **masking,
                "seconds": shared + seconds[epsilon],
            }


def examples(
    checkpoint: Path | str,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    method: str,
    parameters: Mapping,
    dtype: str,
    epsilon: str,
    seed: Sequence[int],
    count: int,
) -> dict[str, np.ndarray]:
    """Images that are classified rightly before the attack and wrongly after it.

    Args:
        checkpoint: Checkpoint of the network that is attacked.
        count: How many to give: the first misled image of each class, in the order of classes
            from 2 on (yue2017, figure 1 shows a 2), then further ones.
        images, labels, method, parameters, dtype, epsilon, seed: As in `evaluate`.

    Returns:
        images and adversarial, shape (k, 28, 28), k at most `count`, in the type of the
        network; labels, predictions and adversarial_predictions, shape (k,); epsilon.
    """
    network = networks.load(checkpoint)
    pixels = as_float(images, networks.dtype_of(network))
    moved = adversarial(
        method, networks.cast(network, dtype), pixels, labels, float(epsilon), parameters, seed=seed
    )
    before = gradients.logits(network, pixels).argmax(axis=1)
    after = gradients.logits(network, moved).argmax(axis=1)
    misled = np.flatnonzero((before == labels) & (after != labels))
    _, first = np.unique((labels[misled].astype(int) - 2) % 10, return_index=True)
    chosen = np.concatenate([misled[first], np.delete(misled, first)])[:count]
    return {
        "images": pixels[chosen].reshape(-1, 28, 28),
        "adversarial": moved[chosen].reshape(-1, 28, 28),
        "labels": labels[chosen],
        "predictions": before[chosen],
        "adversarial_predictions": after[chosen],
        "epsilon": np.array(epsilon),
    }


def measure(
    checkpoints: Sequence[Path], images: np.ndarray, labels: np.ndarray
) -> Iterator[list[dict[str, object]]]:
    """Spectral norms, logit margins and accuracies of the checkpoints of a run.

    Args:
        checkpoints: `.keras` files of one architecture.
        images: Shape (n, 28, 28), uint8.
        labels: Shape (n,), integers 0 to 9.

    Yields:
        For each checkpoint rows of measure, item, value: `spectral_norm` by layer, `logit_margin`
        by quantile (q0, q0.05, ... q1), `class_accuracy` by label, `accuracy` of all images.

    Raises:
        NetworkError: A checkpoint cannot be read.
    """
    network = networks.load(checkpoints[0])
    pixels = as_float(images, networks.dtype_of(network))
    for checkpoint in checkpoints:
        networks.load_weights(network, checkpoint)
        logits = gradients.logits(network, pixels)
        found = {
            "spectral_norm": {
                kernel.path.split("/")[-2]: measures.spectral_norm(kernel.numpy())
                for kernel in networks.kernels(network)
            },
            "logit_margin": {
                f"q{quantile:g}": value
                for quantile, value in measures.margin_quantiles(logits, labels).items()
            },
            "class_accuracy": measures.class_accuracy(logits, labels),
            "accuracy": {"all": measures.correct(logits, labels) / len(labels)},
        }
        yield [
            {"measure": name, "item": item, "value": value}
            for name, items in found.items()
            for item, value in items.items()
        ]
