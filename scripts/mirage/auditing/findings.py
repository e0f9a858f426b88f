"""All that an audit finds, as plain data: numbers for a table, and what a page draws.

Fields that hold a value for each image or pixel are arrays and stand in no JSON; those of images
are the rows of a table (`Findings.rows`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Literal

import numpy as np

Light = Literal["green", "yellow", "red", "grey"]


@dataclass(frozen=True)
class Share:
    """A share of images, with its interval.

    Attributes:
        value: The share, in 0 to 1.
        count: Number of images.
        of: Of how many.
        low: Lower end of the exact 95 % interval (Clopper and Pearson 1934).
        high: Upper end.
    """

    value: float
    count: int
    of: int
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Headline:
    """One attack with one budget, its gradient computed plainly and exactly.

    Attributes:
        attack: `fgsm`, one step; or `pgd`, many.
        epsilon: Size of the perturbation in `norm`, pixels lying in 0 to 1.
        norm: `linf` or `l2`.
        plain: Accuracy where the cross-entropy's gradient is computed in the model's type.
        exact: Accuracy where the exact direction is followed.
        loss: `plain` minus `exact`: accuracy that is there by arithmetic alone.
        low: Lower end of its 95 % interval (`mirage.auditing.statistics.difference`).
        high: Upper end.
        p_value: McNemar's exact test of whether the two differ.
        by_exact: Number of images that the exact attack alone misleads.
        by_plain: Number of images that the plain attack alone misleads.
        right_plain: Shape (n,), bool: what is right under the plain attack.
        right_exact: The same under the exact one.
    """

    attack: str
    epsilon: float
    norm: str
    plain: Share
    exact: Share
    loss: float
    low: float
    high: float
    p_value: float
    by_exact: int
    by_plain: int
    right_plain: np.ndarray
    right_exact: np.ndarray


@dataclass(frozen=True)
class Indicator:
    """One sign of whether a model's robustness is real.

    Attributes:
        name: Of its module in `mirage.auditing.indicators`.
        title: In a few words.
        light: `green`, nothing found; `yellow`, to be looked at; `red`, the sign is there; `grey`,
            it could not be measured.
        sentence: What was found, with the numbers that decided.
        numbers: What was measured, by name.
        source: Where the indicator comes from.
        blind: What it cannot see.
    """

    name: str
    title: str
    light: Light
    sentence: str
    numbers: Mapping[str, float | int | str | None]
    source: str
    blind: str


@dataclass(frozen=True, eq=False)
class Attempt:
    """An attack on the images that none before it misled.

    Attributes:
        attack: Its name in `mirage.auditing.attempts.ATTACKS`.
        epsilon: As in `Headline`.
        tried: Number of images that it was made on.
        misled: How many of these it misled.
        accuracy: Of all images, after this attack and those before it.
        budget: Steps, restarts or queries, in words.
        seconds: Time that it took.
    """

    attack: str
    epsilon: float
    tried: int
    misled: int
    accuracy: Share
    budget: str
    seconds: float


@dataclass(frozen=True, eq=False)
class Worst:
    """The worst case of each image over all attacks at one epsilon.

    Attributes:
        epsilon: As in `Headline`.
        norm: `linf` or `l2`.
        accuracy: Share of the images that no attack misleads.
        attempts: Each attack, in the order in which they were made.
        misled_by: Shape (n,), text: the first attack that misled an image, `clean` for one that is
            classified wrongly without any, empty for one that none misled.
    """

    epsilon: float
    norm: str
    accuracy: Share
    attempts: tuple[Attempt, ...]
    misled_by: np.ndarray


@dataclass(frozen=True)
class Eye:
    """What a common way to ask would report: accuracy under one step of the gradient's sign.

    Attributes:
        name: Who asks, and for what.
        epsilon: As in `Headline`.
        accuracy: What is reported.
        definition: How the gradient is computed there.
    """

    name: str
    epsilon: float
    accuracy: Share
    definition: str


@dataclass(frozen=True)
class Point:
    """Accuracy under one step at one epsilon.

    Attributes:
        epsilon: As in `Headline`.
        plain: As in `Headline`.
        exact: As in `Headline`.
    """

    epsilon: float
    plain: Share
    exact: Share


@dataclass(frozen=True)
class Curve:
    """Accuracy by epsilon, and where it is half of the clean accuracy.

    Attributes:
        norm: `linf` or `l2`.
        points: By ascending epsilon, from 0 on.
        half_plain: Smallest epsilon at which the accuracy under the plain attack is at most half
            of that on clean images, by bisection; None where it is not reached up to the range.
        half_exact: The same under the exact attack.
    """

    norm: str
    points: tuple[Point, ...]
    half_plain: float | None
    half_exact: float | None


@dataclass(frozen=True, eq=False)
class Margins:
    """Logit margins: the true logit minus the largest other.

    Attributes:
        dtype: The model's type.
        median: Of all images.
        quantiles: By name, q0, q0.05 ... q1.
        thresholds: By type: the margin beyond which signs begin to be wrong.
        beyond: By type: share of the images whose margin lies beyond that.
        values: Shape (n,), float64; negative where an image is classified wrongly.
    """

    dtype: str
    median: float
    quantiles: Mapping[str, float]
    thresholds: Mapping[str, float]
    beyond: Mapping[str, float]
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class Signs:
    """Signs of the plain gradient at clean images, held against the exact ones.

    Attributes:
        wrong: Share of all entries whose sign is not the exact one, in 0 to 1.
        zero: Share of the plain gradient's entries that are 0.
        genuine: Share of the exact gradient's entries that are 0.
        by_pixel: Shape of an image: share of the images whose sign is wrong there.
        by_image: Shape (n,): share of the entries of an image whose sign is wrong.
    """

    wrong: float
    zero: float
    genuine: float
    by_pixel: np.ndarray
    by_image: np.ndarray


@dataclass(frozen=True, eq=False)
class Example:
    """An image before and after the attack of the headline.

    Attributes:
        index: Of the image.
        label: Its class.
        predictions: Class that the model gives to it: `clean`, `plain`, `exact`.
        image: Shape of an image, in 0 to 1.
        plain: After the plain attack.
        exact: After the exact one.
    """

    index: int
    label: int
    predictions: Mapping[str, int]
    image: np.ndarray
    plain: np.ndarray
    exact: np.ndarray


@dataclass(frozen=True, eq=False)
class Findings:
    """All that an audit finds.

    Attributes:
        images: Number of images.
        epsilons: That were asked for, ascending, as shares of the range of pixels (in L2 as
            lengths, pixels lying in 0 to 1).
        norm: `linf` or `l2`.
        seed: Of all that is drawn at random.
        quick: Whether only gradients and one-step attacks were made.
        clean: Accuracy without an attack.
        headlines: For each epsilon that of `fgsm`, and unless `quick` that of `pgd`.
        worst: For each epsilon the worst case; none where `quick`.
        indicators: In the order of `mirage.auditing.indicators.NAMES`, at the largest epsilon.
        eyes: Through whose eyes, for each epsilon.
        curve: Accuracy by epsilon.
        margins: Logit margins.
        signs: Wrong signs; None where nothing can be computed in float64.
        examples: Some images before and after.
        seconds: Time that all of it took.
        labels: Shape (n,), integers.
        predictions: Shape (n,): class that the model gives to each clean image.
    """

    images: int
    epsilons: tuple[float, ...]
    norm: str
    seed: int
    quick: bool
    clean: Share
    headlines: tuple[Headline, ...]
    worst: tuple[Worst, ...]
    indicators: tuple[Indicator, ...]
    eyes: tuple[Eye, ...]
    curve: Curve
    margins: Margins
    signs: Signs | None
    examples: tuple[Example, ...]
    seconds: float
    labels: np.ndarray
    predictions: np.ndarray

    def rows(self) -> Iterator[dict[str, object]]:
        """A row of each image: label, prediction, margin, share of wrong signs, and what fell.

        Of each headline there are `fgsm_plain_0.1` and `fgsm_exact_0.1`, 1 where the image is
        classified rightly under the attack; of each worst case `misled_by_0.1`.
        """
        columns = {
            "label": self.labels,
            "prediction": self.predictions,
            "margin": self.margins.values,
        }
        if self.signs is not None:
            columns["wrong_signs"] = self.signs.by_image
        for one in self.headlines:
            columns[f"{one.attack}_plain_{one.epsilon:g}"] = one.right_plain.astype(int)
            columns[f"{one.attack}_exact_{one.epsilon:g}"] = one.right_exact.astype(int)
        for one in self.worst:
            columns[f"misled_by_{one.epsilon:g}"] = one.misled_by
        for index in range(self.images):
            yield {"image": index, **{name: one[index].item() for name, one in columns.items()}}


def as_json(found: object) -> object:
    """A dataclass of this module as what `json.dumps` takes, without the arrays.

    A number that is NaN or infinite is None, since JSON has none.
    """
    if is_dataclass(found):
        return {
            one.name: as_json(getattr(found, one.name))
            for one in fields(found)
            if not isinstance(getattr(found, one.name), np.ndarray)
        }
    if isinstance(found, Mapping):
        return {name: as_json(value) for name, value in found.items()}
    if isinstance(found, list | tuple):
        return [as_json(one) for one in found]
    if isinstance(found, np.generic):
        found = found.item()
    if isinstance(found, float) and not np.isfinite(found):
        return None
    return found
