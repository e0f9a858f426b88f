"""What a claim may say, and how it is tested."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from mirage.data.register import SIZES
from mirage.study.model_shown import Dtype, Epoch, Epsilon, Gradient, Share, Split
from mirage.study.typed import Some, Typed, by, either

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
# Keys of a selection that may be lists: one condition for each value.
CROSSED = ("run", "attack", "gradient", "dtype", "split", "defence", "epsilon", "item")


def _listed(kind: object) -> object:
    return either(kind, Some[kind])


class Epochs(Typed):
    """Epochs from one to another."""

    first: Epoch = Field(None, alias="from")
    last: Epoch = Field(None, alias="to")


class ClaimedWhere(Typed):
    """The epsilon at which the accuracy of a sweep falls to this, for each seed its own.

    The sweep is that of the selection, but for the keys named here.
    """

    accuracy: Share
    run: str = None
    attack: str = None
    split: Split = None
    defence: str = None


class Selection(Typed):
    """Which rows of which table, and which of their columns.

    A list stands for one condition for each of its values. Lists of one key on both sides go in
    step, others are crossed.
    """

    table: Literal["attacks", "gradients", "measures", "history", "restarts"] = None
    run: _listed(str)
    attack: _listed(str) = None
    gradient: _listed(Gradient) = None
    dtype: _listed(Dtype) = None
    split: _listed(Split) = None
    defence: _listed(str) = None
    epsilon: _listed(Epsilon) = None
    epsilon_where: ClaimedWhere = None
    """The epsilon at which the accuracy of a sweep falls to this, for each seed its own; the sweep
    is that of the selection, but for the keys named here."""
    epoch: either(Epoch, Literal["first", "last", "all"], Some[Epoch], Epochs) = None
    """A number, several, {from, to}, or one of the words first, last and all."""
    since: Epoch = None
    """The change since this epoch, of each seed, takes the value's place."""
    minus_split: Split = None
    """The value on this split is subtracted, seed by seed."""
    measure: str = None
    """Of the table of measures: spectral_norm, logit_margin, class_accuracy, accuracy, a probe."""
    item: _listed(str) = None
    column: str = None
    """The column that is read."""
    exact: str = None
    """The attack, or gradient, that takes this one's place in the second verdict."""


class Tested(Typed):
    """What a claim is tested by."""

    @model_validator(mode="after")
    def _in_step(self) -> "Tested":
        lists = _lists({name: vars(one) for name, one in self if isinstance(one, Selection)})
        for key, columns in lists.items():
            if len({len(values) for values in columns.values()}) > 1:
                raise PydanticCustomError("step", f"the lists of {key} must be of one length")
        return self


def _lists(condition: Mapping) -> dict[str, dict[str, list]]:
    """The lists of a condition by their key, and for each by the selection that it stands in."""
    found = {}
    for key in CROSSED:
        for name, selection in condition.items():
            if isinstance(selection, Mapping) and isinstance(selection.get(key), list):
                found.setdefault(key, {})[name] = selection[key]
    return found


def spelled_out(condition: Mapping) -> Iterator[dict]:
    """The conditions that one stands for: its lists crossed, those of one key in step.

    Args:
        condition: Valid by its model.
    """
    lists = _lists(condition)
    for numbers in itertools.product(
        *(range(len(next(iter(columns.values())))) for columns in lists.values())
    ):
        one = {
            name: dict(part) if isinstance(part, Mapping) else part
            for name, part in condition.items()
        }
        for (key, columns), number in zip(lists.items(), numbers, strict=True):
            for name, values in columns.items():
                one[name][key] = values[number]
        yield one


class Value(Tested):
    """A value is the published one."""

    kind: Literal["value"]
    select: Selection
    over: Selection = None
    """What the value is divided by, seed by seed: the ratio is the published one."""
    published: float
    tolerance: NotNegative


class Order(Tested):
    """One value is less than another."""

    kind: Literal["order"]
    less: Selection
    greater: Selection
    by: float = None
    """The difference asked for at least; below 0, how far greater may lie below less."""
    factor: Positive = None
    """The ratio asked for at least."""


class Trend(Tested):
    """A value rises or falls."""

    kind: Literal["trend"]
    select: Selection
    sign: Literal["rising", "falling"]
    by: NotNegative = None
    """The change from first to last asked for."""


class Equality(Tested):
    """Two values are the same."""

    kind: Literal["equality"]
    first: Selection
    second: Selection
    tolerance: Positive
    these_images: bool = False
    """Whether the claim is of the images attacked, and not of others like them: then they are no
    sample."""


class Minimum(Tested):
    """A value has its minimum early."""

    kind: Literal["minimum"]
    select: Selection
    at_or_before: Epoch
    """Latest epoch of the minimum."""


class Correlation(Tested):
    """Two values rise together, or one falls as the other rises."""

    kind: Literal["correlation"]
    x: Selection
    y: Selection
    sign: Literal["positive", "negative"]
    at_least: Share = None
    """Size of the correlation asked for."""
    across: Literal["epochs", "seeds"] = "epochs"
    """Over the epochs of each seed, or over the seeds at the last epoch."""


class Series(Tested):
    """A series follows the published one."""

    kind: Literal["series"]
    select: Selection
    series: str
    """Key in published.csv of the study; of another one, as yue2018/fig1."""
    quantity: str = None
    """Only the points of this quantity."""
    item: str = None
    """Only those of this item of a measure, such as layer1."""
    tolerance: Positive
    """Largest root mean square difference."""


class Concentration(Tested):
    """The restarts of PGD end at one loss."""

    kind: Literal["concentration"]
    select: Selection
    at_most: Positive
    """Largest spread of the final losses of an image, as a share of their mean."""


class Measurement(Tested):
    """A value is shown; nothing is published to hold it against."""

    kind: Literal["measurement"]
    select: Selection


Condition = by(
    *("kind", Value, Order, Trend, Equality, Minimum, Correlation, Series, Concentration),
    Measurement,
)


class Claim(Typed):
    """A published number or conclusion."""

    id: Annotated[str, Field(pattern="^[a-z0-9]+(-[a-z0-9]+)*-[0-9]{2}$")]
    """The source's name, a dash and two digits, for example yue2017-04."""
    source: str = None
    """Short name of the source; that of the study where this is left out."""
    dataset: Literal[*SIZES] = None
    """What its published numbers were measured on; mnist where this is left out."""
    place: str = None
    """Table and cell, figure, section or page."""
    statement: str
    """What the source claims, in our words."""
    published: str = None
    """The published numbers as they are shown."""
    figure: str = None
    """Name of the figure that shows it; of another study, as masking/signs."""
    note: str = None
    """Shown beside the verdict, which it does not change."""
    fitted: str = None
    """Which choice was made by the answer, so that the test is none; the verdict is then fitted."""
    not_testable: str = None
    """Why no data can exist here; in place of test."""
    data_not_given: str = None
    """Which data set the test needs that is not given; in place of test."""
    no_exact: str = None
    """Why there is no second verdict."""
    test: Some[Condition] = None
    """Conditions, all of which must hold."""


class Claims(Typed):
    """Published claims and how each is tested."""

    claims: Some[Claim]
    """One entry for each published number or conclusion."""
