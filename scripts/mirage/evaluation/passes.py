"""Attacks and measures over the checkpoints of a run, as rows of tidy tables."""

import importlib
import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from mirage.attacks import gradients, inputs
from mirage.attacks.parameters import AttackParameters, parameters_of
from mirage.attacks.result import AttackResult
from mirage.data.images import DataError, as_float
from mirage.models import measures, networks
from mirage.models.cast import assign, cast
from mirage.models.checkpoints import load, load_weights

log = logging.getLogger(__name__)


def adversarial(
    attacker: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    parameters: AttackParameters,
    **given: object,
) -> AttackResult:
    """Adversarial images by the attack that these are the parameters of.

    Args:
        attacker: The network whose gradient is used, in the type of the gradient.
        images: Shape (n, d), in the type of the attacked network.
        labels: Shape (n,).
        parameters: The attack's own parameters.
        given: `epsilon`, `seed` and `signs`, as `mirage.attacks` explains them.

    Returns:
        Images in the shape and type of `images`, all of them finite.

    Raises:
        ValueError: Images, labels, signs or epsilon are not what `mirage.attacks.inputs` asks for.
        DataError: What the attack gives back are no such images.
        NetworkError: A weight of the attacker is NaN or infinite.
    """
    # Also an attack whose author forgot to decorate it is checked.
    method = parameters.method
    attack = inputs.checked(importlib.import_module(f"mirage.attacks.{method}").attack)
    result = attack(attacker, images, labels, parameters, **given)
    moved = result.images
    if (moved.shape, moved.dtype) != (images.shape, images.dtype):
        raise DataError(
            f"attack {method}: it gives {moved.dtype} images of shape {moved.shape} for "
            f"{images.dtype} images of shape {images.shape}. Type and shape must stay."
        )
    if not (finite := np.isfinite(moved)).all():
        spoilt = (~finite.all(axis=1)).sum()
        raise DataError(
            f"attack {method}: {spoilt} of {len(moved)} images it gives have pixels that are NaN "
            "or infinite. Try a wider type than its own."
        )
    return result


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
    defence: Mapping | None = None,
    adaptive: bool = False,
    mean_image: np.ndarray | None = None,
) -> Iterator[dict[str, object]]:
    """Attack the checkpoints of a run at every epsilon.

    The gradient is computed in `dtype`, weights and images cast to it; the step is made and the
    answer given in the type the network was trained in. So what changes from one `dtype` to
    another is the attacker's arithmetic alone, never the network that is attacked.

    Args:
        attacked: Checkpoints of the networks that are attacked, of one architecture.
        sources: For each the checkpoint whose gradient is used: the same, or that of another
            network for a transfer attack.
        images: Shape (n, height, width, ...), uint8.
        labels: Shape (n,), integers from 0 on.
        method: A module of `mirage.attacks`.
        parameters: The attack's parameters; `gradient`, if it has one, is a name in
            `mirage.attacks.gradients.LOSSES`.
        dtype: Type of the gradient, a name in `mirage.models.networks.DTYPES`.
        epsilons: Sizes in the attack's norm, as text; `("",)` for an attack that takes none.
        seeds: For each checkpoint the seed of attacks that draw at random.
        defence: `method` and parameters of a filter that stands before the attacked networks, see
            `mirage.models.defences`; None for the bare networks.
        adaptive: Whether the attacker knows the defence and attacks through it; else the attack is
            made on the bare network.
        mean_image: Shape of an image, 0 to 255, what rho_l2_centred subtracts from each; the mean
            of `images` where it is not given.

    Yields:
        For each checkpoint and epsilon: gradient, dtype, epsilon, n, clean_accuracy, accuracy,
        success (share of the images classified rightly that are misled, or of all images that reach
        the attack's targets; None where none is classified rightly), the means over images of
        `mirage.models.measures.perturbation` (of rho over those that are not black) and the
        median_l2, rho_l2_centred (the mean of ||r|| / ||x - mean image||), changed_share_success
        (the mean over the images on which the attack succeeded; None where there is none), the mean
        of iterations (empty where the attack counts none), and seconds (of the
        attack; the gradient that all epsilons share is counted in each).

        The log tells what has no value or is left out of a mean.

    Raises:
        NetworkError: A checkpoint cannot be read or cast, has weights that are NaN or infinite, or
            answers NaN to an image; the message names it.
        DataError: Images or labels are not what `mirage.attacks.inputs.check_split` asks for.
        ValueError: An epsilon is negative or no finite number.
    """
    # The networks are built once and take the weights of one checkpoint after another: what
    # TensorFlow has traced for them serves all.
    network = load(attacked[0])
    transfer = list(sources) != list(attacked)
    source = load(sources[0]) if transfer else network
    copy = cast(source, dtype)
    target = defended(network, defence)
    inputs.check_split(network, images, labels)
    if black := np.count_nonzero(~images.reshape(len(images), -1).any(axis=1)):
        log.warning(
            "%d of %d images are black: rho_l2 and rho_linf compare with the size of an image, and "
            "are means over the others.",
            *(black, len(images)),
        )
    # Once, for all checkpoints and epsilons.
    mean = np.divide(images.mean(axis=0) if mean_image is None else mean_image, 255).ravel()
    mean = mean.astype(networks.dtype_of(network))
    centred = np.concatenate(
        [
            measures.lengths(as_float(images[part], mean.dtype) - mean)
            for part in gradients.batches(len(images))
        ]
    )
    if alike := np.count_nonzero(centred == 0):
        log.warning(
            "%d of %d images are the mean image: rho_l2_centred is a mean over the others.",
            *(alike, len(images)),
        )
    attacker = defended(copy, defence if adaptive else None)
    chosen = parameters_of(method)(**parameters)
    loss = parameters.get("gradient")
    for checkpoint, origin, seed in zip(attacked, sources, seeds, strict=True):
        load_weights(network, checkpoint)
        if transfer:
            load_weights(source, origin)
        assign(copy, source)
        shared, clean = 0.0, 0
        seconds = Counter()
        each = {epsilon: [] for epsilon in epsilons}
        for part in gradients.batches(len(images)):
            pixels, classes = as_float(images[part], networks.dtype_of(network)), labels[part]
            known = {"seed": (*seed, part.start)}
            if loss:
                began = time.perf_counter()
                known["signs"] = gradients.signs(attacker, pixels, classes, chosen, len(images))
                shared += time.perf_counter() - began
            before = measures.classes(_logits(target, pixels, checkpoint)) == classes
            clean += int(before.sum())
            for epsilon in epsilons:
                size = float(epsilon) if epsilon else None
                began = time.perf_counter()
                result = adversarial(attacker, pixels, classes, chosen, epsilon=size, **known)
                seconds[epsilon] += time.perf_counter() - began
                answers = measures.classes(gradients.logits(target, result.images))
                found = measures.perturbation(pixels, result.images)
                found |= {"before": before, "after": answers == classes, **result.of_each_image()}
                if result.targets is not None:
                    # On the network attacked, which may stand behind a defence unknown to the
                    # attacker, or be another than the one looked at.
                    found["success"] = answers == result.targets
                found["lost"] = answers == -1
                each[epsilon].append(found)
        for epsilon, parts in each.items():
            found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
            misled = found.get("success", ~found["after"][found["before"]])
            reached = found.get("success", found["before"] & ~found["after"])
            if not len(misled):
                log.warning("%s: no image is classified rightly, so success is empty.", checkpoint)
            if found["lost"].any():
                log.warning(
                    "%s: the logits of %d of %d attacked images are NaN. They count as wrong.",
                    *(checkpoint, found["lost"].sum(), len(images)),
                )
            yield {
                "gradient": loss,
                "dtype": dtype,
                "epsilon": epsilon,
                "n": len(images),
                "clean_accuracy": clean / len(images),
                "accuracy": float(found["after"].mean()),
                "success": float(misled.mean()) if len(misled) else None,
                "rho_l2": _mean(found["rho_l2"]),
                "rho_linf": _mean(found["rho_linf"]),
                "rho_l2_centred": _mean(measures.relative(found["l2"], centred)),
                "median_l2": float(np.median(found["l2"])),
                "changed_share": float(found["changed_share"].mean()),
                "changed_share_success": _mean(found["changed_share"][reached]),
                "iterations": float(found["iterations"].mean()) if "iterations" in found else None,
                "seconds": shared + seconds[epsilon],
            }


def _mean(values: np.ndarray) -> float | None:
    """Mean of those that are numbers; None where there is none."""
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if len(kept) else None


def _logits(network: keras.Model, images: np.ndarray, name: Path | str) -> np.ndarray:
    """Logits of clean images; a network that answers NaN to one is refused by its name."""
    logits = gradients.logits(network, images)
    if lost := np.count_nonzero(np.isnan(logits).any(axis=1)):
        raise networks.NetworkError(
            f"{name}: its logits for {lost} of {len(images)} images are NaN, though no weight is. "
            f"{networks.dtype_of(network)} may be too narrow for them."
        )
    return logits


def defended(network: keras.Model, defence: Mapping | None) -> keras.Model:
    """A network behind a defence, sharing its weights; the network itself where there is none."""
    if defence is None:
        return network
    parameters = {key: value for key, value in defence.items() if key != "method"}
    # By name: only the jobs of defended networks depend on that code.
    defences = importlib.import_module("mirage.models.defences")
    return defences.defend(network, defence["method"], parameters)


def perturbed(
    checkpoint: Path | str,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    method: str,
    parameters: Mapping,
    dtype: str,
    epsilon: str,
    seed: Sequence[int],
) -> np.ndarray:
    """Adversarial images for one checkpoint, to be trained on or looked at.

    Args:
        checkpoint: Of the network that is attacked.
        images: Shape (n, height, width, ...), uint8.
        labels, method, parameters, dtype, seed: As in `evaluate`.
        epsilon: As text; empty for an attack that takes none.

    Returns:
        Shape of `images`, in the type of the network.

    Raises:
        As `evaluate`.
    """
    network = load(checkpoint)
    inputs.check_split(network, images, labels)
    attacker = cast(network, dtype)
    moved = [
        adversarial(
            attacker,
            as_float(images[part], networks.dtype_of(network)),
            labels[part],
            parameters_of(method)(**parameters),
            epsilon=float(epsilon) if epsilon else None,
            seed=(*seed, part.start),
        ).images
        for part in gradients.batches(len(images))
    ]
    return np.concatenate(moved).reshape(images.shape)


def examples(
    checkpoint: Path | str,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    count: int,
    defence: Mapping | None = None,
    epsilon: str,
    **attack: object,
) -> dict[str, np.ndarray]:
    """Images that are classified rightly before the attack and wrongly after it.

    Args:
        checkpoint: Checkpoint of the network that is attacked.
        count: How many to give: the first misled image of each class, in the order of classes
            from 2 on (yue2017, figure 1 shows a 2), then further ones.
        defence: As in `evaluate`. The images are those that mislead the bare network, so that
            different defences show the same ones.
        images, labels, epsilon: As in `perturbed`.
        attack: Further arguments of `perturbed`.

    Returns:
        images and adversarial, shape (k, height, width, ...), k at most `count`, in the type of the
        network; seen, the adversarial images as the defence passes them on; labels, predictions
        and adversarial_predictions, shape (k,), by the defended network; indices of the images
        in the split, shape (k,); epsilon.

    Raises:
        As `evaluate`.
    """
    network = load(checkpoint)
    inputs.check_split(network, images, labels)
    target = defended(network, defence)
    pixels = as_float(images, networks.dtype_of(network))
    moved = perturbed(checkpoint, images, labels, epsilon=epsilon, **attack).reshape(pixels.shape)
    before = measures.classes(_logits(network, pixels, checkpoint))
    after = measures.classes(gradients.logits(network, moved))
    classes = network.output_shape[-1]
    misled = np.flatnonzero((before == labels) & (after != labels))
    _, first = np.unique((labels[misled].astype(int) - 2) % classes, return_index=True)
    chosen = np.concatenate([misled[first], np.delete(misled, first)])[:count]
    seen = moved[chosen] if defence is None else target.layers[0](moved[chosen]).numpy()
    shape = (len(chosen), *images.shape[1:])
    return {
        "images": pixels[chosen].reshape(shape),
        "adversarial": moved[chosen].reshape(shape),
        "seen": seen.reshape(shape),
        "labels": labels[chosen],
        "predictions": measures.classes(gradients.logits(target, pixels[chosen])),
        "adversarial_predictions": measures.classes(gradients.logits(target, moved[chosen])),
        "indices": chosen,
        "epsilon": np.array(epsilon),
    }


def measure(
    checkpoints: Sequence[Path], images: np.ndarray, labels: np.ndarray
) -> Iterator[list[dict[str, object]]]:
    """Spectral norms, logit margins and accuracies of the checkpoints of a run.

    Args:
        checkpoints: `.keras` files of one architecture.
        images: Shape (n, height, width, ...), uint8.
        labels: Shape (n,), integers from 0 on.

    Yields:
        For each checkpoint rows of measure, item, value: `spectral_norm` by layer, `logit_margin`
        by quantile (q0, q0.05, ... q1), `class_accuracy` by label, `accuracy` of all images.

    Raises:
        NetworkError: A checkpoint cannot be read, has weights that are NaN or infinite, or answers
            NaN to an image; the message names it.
        DataError: Images or labels are not what `mirage.attacks.inputs.check_split` asks for.
    """
    network = load(checkpoints[0])
    inputs.check_split(network, images, labels)
    pixels = as_float(images, networks.dtype_of(network))
    for checkpoint in checkpoints:
        load_weights(network, checkpoint)
        logits = _logits(network, pixels, checkpoint)
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
