"""The range of pixels that a model takes: what its answers, its layers and the data say of it.

Nothing in a model's file states it, and at a wrong one a network of ReLUs may be as accurate, with
all margins 255 times as large. It is taken only where one range alone is plausible.
"""

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from scipy.stats import binomtest

from mirage.attacks import gradients
from mirage.auditing.errors import AuditError
from mirage.models.output import values

Range = tuple[float, float]
RANGES: tuple[Range, ...] = ((0, 1), (0, 255), (-1, 1), (-0.5, 0.5))
# A range is not the model's where it is less accurate by so much, beyond chance at this level.
LOSS, LEVEL = 0.02, 0.001
# The factor by which a network's logits must be divided to be the most likely is near 1 for one
# that cross-entropy trained (1 to 3, Guo et al. 2017, https://arxiv.org/abs/1706.04599); it is 255
# times as large at 0..255 as at 0..1. These bounds are further apart than what training does, and
# nearer than that.
TEMPERATURES = (0.2, 20.0)
# With fewer images classified wrongly that factor is not known.
WRONG = 3
# How the inputs of a layer may differ from the statistics that it was trained with: the mean, in
# standard deviations, and the factor of the variance, in the median over the features.
MEAN, VARIANCE = 0.5, 4.0
LOOKED_AT = 1_000  # images


@dataclass(frozen=True)
class Reading:
    """How a model answers images of one range.

    Attributes:
        low: Value of black.
        high: Value of white.
        accuracy: Share of the images classified rightly.
        margin: Median of the largest logit minus the second.
        temperature: What the logits must be divided by to be the most likely; NaN where nearly all
            images are classified rightly.
        against: What speaks against the range, in words; none where it is plausible.
    """

    low: float
    high: float
    accuracy: float
    margin: float
    temperature: float
    against: tuple[str, ...]


@dataclass(frozen=True)
class Settled:
    """The range that was taken, by what rule, and what else was read."""

    low: float
    high: float
    rule: str
    readings: tuple[Reading, ...]
    warnings: tuple[str, ...] = ()


def _question(reason: str, readings: Sequence[Reading]) -> AuditError:
    """The error that asks for the range, with the table of what was read."""
    ask = "Say which one the model was trained with: --range LOW,HIGH."
    return AuditError(f"{reason} {ask}\n{table(readings)}", readings)


def settle(
    network: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    stated: Range | None = None,
    given: Range | None = None,
) -> Settled:
    """Find the range of pixels that a network takes.

    A range is plausible where the network is not clearly less accurate than at another, where its
    logits have the size that training gives them, and where the inputs of its first normalizing
    layer are as they were in training. Where several are left, that of the data is taken if the
    data are floats: then a person has brought them into it.

    Args:
        network: From images, shape (n, ...), to logits (n, classes).
        images: Shape (n, ...), floats in 0 to 1, n at least 1.
        labels: Shape (n,), integers.
        stated: Range of the data in their file, where they are floats.
        given: What the user says; it is taken, with a warning where it is not plausible.

    Raises:
        AuditError: Several ranges are plausible, or none; it has the readings. Or what the user
            says is no range.
    """
    if given and not (math.isfinite(sum(given)) and given[0] < given[1]):
        raise AuditError(
            f"range {given[0]:g},{given[1]:g}: the first must be less than the second."
        )
    images, labels = images[:LOOKED_AT], labels[:LOOKED_AT]
    ranges = [*RANGES, *([given] if given and tuple(given) not in RANGES else [])]
    logits = {one: values(network, scaled(images, *one)) for one in ranges}
    right = {one: z.argmax(axis=1) == labels for one, z in logits.items()}
    temperatures = {
        one: _temperature(z, labels) if (~right[one]).sum() >= WRONG else math.nan
        for one, z in logits.items()
    }
    against = {one: [] for one in ranges}
    best = max(ranges, key=lambda one: right[one].sum())  # the first of equals
    for one in ranges:
        if _worse(right[one], right[best]):
            against[one].append("less accurate")
    left = [one for one in ranges if not against[one]]
    fitting = [one for one in left if not _outside(temperatures[one])]
    rule = "accuracy"
    if fitting and len(fitting) < len(left):
        rule = "size of the logits"
        for one in set(left) - set(fitting):
            against[one].append("logits of another size than training gives")
    if by_layer := _by_layers(network, images, ranges):
        name, fits = by_layer
        for one in ranges:
            if one not in fits:
                against[one].append(f"other inputs of {name} than in training")
        if len([one for one in ranges if not against[one]]) < len(fitting or left):
            rule = f"layer {name}"
    readings = tuple(
        Reading(*one, right[one].mean(), _margin(logits[one]), temperatures[one], (*against[one],))
        for one in ranges
    )
    plausible = [one for one in ranges if not against[one]]
    if given:
        given = tuple(given)
        return Settled(*given, "given", readings, _doubts(given, plausible))
    chance = np.bincount(labels).max() / len(labels)
    if binomtest(int(right[best].sum()), len(labels), chance, "greater").pvalue > LEVEL:
        raise _question(
            f"range: the accuracy ({right[best].mean():.3f} at best, of {len(labels)} images) "
            "cannot be told from chance. Are the labels in the order of the model?",
            readings,
        )
    if not plausible:
        raise _question("range: what the model says of it disagrees.", readings)
    if stated and stated not in plausible:
        raise _question(
            f"range: the data are in {_name(stated)}, where the model seems not to be right.",
            readings,
        )
    if len(plausible) == 1:
        return Settled(*plausible[0], rule, readings)
    if stated:
        return Settled(*stated, "range of the data", readings)
    names = ", ".join(map(_name, plausible))
    raise _question(f"range: more than one is plausible: {names}.", readings)


def scaled(images: np.ndarray, low: float, high: float) -> np.ndarray:
    """Images in 0 to 1 brought to low to high, in their type."""
    return images if (low, high) == (0, 1) else images * images.dtype.type(high - low) + low


def table(readings: Sequence[Reading]) -> str:
    """The readings as lines of text."""
    lines = ["  range       accuracy  median margin  temperature  against it"]
    for one in readings:
        name, reasons = _name((one.low, one.high)), "; ".join(one.against) or "-"
        lines.append(
            f"  {name:<10}  {one.accuracy:8.3f}  {one.margin:13.4g}  {one.temperature:11.3g}  "
            f"{reasons}"
        )
    return "\n".join(lines)


def _name(one: Range) -> str:
    return f"{one[0]:g}..{one[1]:g}"


def _doubts(given: Range, plausible: list[Range]) -> tuple[str, ...]:
    if given in plausible or not plausible:
        return ()
    names = " or ".join(map(_name, plausible))
    return (f"The range {_name(given)} was given, but {names} is more plausible for this model.",)


def _worse(right: np.ndarray, best: np.ndarray) -> bool:
    """Whether fewer images are right, by `LOSS` and beyond chance (McNemar's exact test)."""
    lost, won = (best & ~right).sum(), (right & ~best).sum()
    if lost - won < LOSS * len(right):
        return False
    return binomtest(int(lost), int(lost + won)).pvalue < LEVEL


def _temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The number that logits (n, classes) are divided by to have the smallest cross-entropy."""
    logits = logits - logits.max(axis=1, keepdims=True)
    own = logits[np.arange(len(labels)), labels]

    def loss(exponent: float) -> float:
        factor = math.exp(-exponent)
        return float((logsumexp(factor * logits, axis=1) - factor * own).mean())

    return math.exp(minimize_scalar(loss, bounds=(-12, 15), method="bounded").x)


def _outside(temperature: float) -> bool:
    """Whether a temperature is known, and not one that training leads to."""
    low, high = TEMPERATURES
    return not math.isnan(temperature) and not low <= temperature <= high


def _margin(logits: np.ndarray) -> float:
    second, first = np.partition(logits, -2, axis=1)[:, -2:].T
    return float(np.median(first - second))


# --- What the model's layers say -----------------------------------------------------------------


def _by_layers(
    network: keras.Model, images: np.ndarray, ranges: list[Range]
) -> tuple[str, list[Range]] | None:
    """The first layer that knows what its inputs were, and the ranges in which they are so.

    None where there is no such layer, or where its inputs are so in none of the ranges.
    """
    for number, layer in enumerate(network.layers):
        if isinstance(layer, keras.layers.Rescaling):
            if any(one.weights for one in network.layers[:number]):
                continue  # its inputs are not the pixels
            fits = [one for one in ranges if _rescaled(layer, *one)]
        elif isinstance(layer, keras.layers.Normalization | keras.layers.BatchNormalization):
            fits = [one for one in ranges if _usual(network, layer, scaled(images, *one))]
        elif isinstance(layer, keras.Model):
            # Only where it comes first its inputs are the images.
            first = number <= 1
            inner = keras.Model(layer.inputs, layer.outputs) if first else None
            return _by_layers(inner, images, ranges) if first else None
        else:
            continue
        return (layer.name, fits) if fits else None
    return None


def _rescaled(layer: keras.layers.Rescaling, low: float, high: float) -> bool:
    """Whether a Rescaling brings a range to one that networks are trained with."""
    ends = np.array([low, high]) * np.mean(layer.scale) + np.mean(layer.offset)
    return any(
        np.abs(ends - one).max() <= 0.02 * (one[1] - one[0]) for one in RANGES if one != (0, 255)
    )


def _usual(network: keras.Model, layer: keras.Layer, images: np.ndarray) -> bool:
    """Whether the inputs of a normalizing layer are distributed as it has them in its weights."""
    with contextlib.suppress(AttributeError, ValueError):  # a layer that is used repeatedly
        before = keras.Model(network.inputs[0], layer.input)
        inputs = np.concatenate([before(images[one]) for one in gradients.batches(len(images))])
        if isinstance(layer, keras.layers.BatchNormalization):
            mean, variance = layer.moving_mean, layer.moving_variance
        else:
            mean, variance = layer.mean, layer.variance
        axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
        axes = {axis % inputs.ndim for axis in axes}
        others = tuple(axis for axis in range(inputs.ndim) if axis not in axes)
        mean, variance = (np.asarray(one, np.float64).reshape(-1) for one in (mean, variance))
        found = inputs.astype(np.float64)
        away = np.abs(found.mean(axis=others).reshape(-1) - mean) / np.sqrt(variance + 1e-3)
        factor = (found.var(axis=others).reshape(-1) + 1e-3) / (variance + 1e-3)
        return bool(np.median(away) <= MEAN and 1 / VARIANCE <= np.median(factor) <= VARIANCE)
    return False
