"""What a claim speaks of: rows of the tables of a run, by seed and epoch."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mirage.data.columns import BARE
from mirage.reporting import tables
from mirage.reporting.rows import KEYS, Missing, at_epsilon, crossing, selected
from mirage.reporting.verdicts import image_error
from mirage.study.sentences import named

# What a selection means where it names nothing else.
DEFAULTS = {
    "attacks": {"split": "test", "dtype": "float32", "defence": BARE, "column": "accuracy"},
    "gradients": {"split": "test", "dtype": "float32", "defence": BARE},
    "measures": {"split": "test", "column": "value"},
    "history": {},
    "restarts": {"split": "test", "dtype": "float32", "column": "loss"},
}
# A table of attacks that is made of the one: `mirage.reporting.strongest`.
STRONGEST = "strongest"
DEFAULTS[STRONGEST] = DEFAULTS["attacks"]
# It is the same at every epsilon.
OF_THE_CHECKPOINT = "clean_accuracy"
# Columns that are shares of the images. Fewer than MNIST has test images are a sample of them.
SHARES = ("accuracy", "clean_accuracy", "success", "zero_image_share")
ALL_IMAGES = 10_000


@dataclass(frozen=True)
class Measured:
    """Values of a selection, indexed by seed and epoch.

    Attributes:
        values: The values.
        sought: The epsilons, as text, if they were sought.
        images: How many images they are of, 0 where the table does not say.
        error: As of `mirage.reporting.verdicts.over_seeds`, of a share of a sample; else 0.
    """

    values: pd.Series
    sought: str | None = None
    images: int = 0
    error: float = 0.0

    @property
    def per_seed(self) -> pd.Series:
        """The mean over the epochs of each seed."""
        return self.values.groupby("seed").mean()

    @property
    def epochs(self) -> pd.DataFrame:
        """A row for each seed, a column for each epoch."""
        return self.values.unstack("epoch").sort_index(axis="columns")

    def __str__(self) -> str:
        """Mean over seeds and standard deviation, and the epsilon that was sought."""
        found = spread(self.per_seed)
        return found + (f" (at epsilon {self.sought})" if self.sought else "")


def spread(values: Iterable[float]) -> str:
    """A mean and a standard deviation as text; the mean alone of one value."""
    values = np.asarray(list(values), dtype=float)
    return as_text(values.mean(), values.std(ddof=1) if len(values) > 1 else math.nan)


def as_text(mean: float, sd: float) -> str:
    """A mean and a standard deviation as claims show them."""
    return tables.spread(mean, sd, ".4g", ".3g")


def rows(given: Mapping[str, pd.DataFrame], selection: Mapping) -> pd.DataFrame:
    """The rows of a selection; at all epsilons where it names none, or looks for one.

    Args:
        given: Tables by name, as tidy rows; `epsilon` and `item` as text.
        selection: As in claims.yaml.

    Raises:
        Missing: There are none.
    """
    name = selection.get("table", "attacks")
    if name not in given:
        raise Missing(f"there is no table {name}")
    table = given[name]
    wanted = {"epoch": "last", **DEFAULTS[name], **selection}
    keys = {key: wanted[key] for key in KEYS if key in wanted and key != "epsilon"}
    for key, value in keys.items():
        if key not in table:
            raise Missing(f"the table {name} has no column {key} (looked for {value})")
    looked_for = "no stronger attack" if name == STRONGEST else f"no rows of table {name}"
    looked_for += " with " + ", ".join(f"{key} {value}" for key, value in keys.items())
    table = _some(selected(table, keys), looked_for)
    if "epsilon" in wanted:
        looked_for += f", epsilon {wanted['epsilon']}"
        table = _some(selected(table, {"epsilon": wanted["epsilon"]}), looked_for)
    epoch = wanted["epoch"]
    lacking = set(epoch) - set(table["epoch"]) if isinstance(epoch, list) else ()
    if lacking:
        raise Missing(f"no rows at epochs {named(sorted(lacking))}")
    return _some(selected(table, {"epoch": epoch}), f"{looked_for} at epoch {epoch}")


def _some(table: pd.DataFrame, looked_for: str) -> pd.DataFrame:
    """The same table, if it has rows."""
    if table.empty:
        raise Missing(looked_for)
    return table


def _sought(given: Mapping, selection: Mapping) -> pd.Series:
    """The epsilon of each seed at which a sweep has the accuracy that `epsilon_where` says."""
    where = dict(selection["epsilon_where"])
    accuracy = where.pop("accuracy")
    left_out = ("epsilon_where", "column", "epsilon", "since", "minus_split")
    sweep = {key: value for key, value in selection.items() if key not in left_out} | where
    try:
        return crossing(rows(given, sweep), accuracy)
    except Missing as missing:
        name = f"attack {sweep.get('attack')} on run {sweep['run']}"
        raise Missing(f"{name}: {missing}") from None


def select(given: Mapping[str, pd.DataFrame], selection: Mapping) -> Measured:
    """The values of a selection by seed and epoch.

    `seconds_per_image` is read as seconds / n.

    Raises:
        Missing: There are none, the column is missing or empty, or the rows are of several
            epsilons though their values depend on it.
    """
    name = selection.get("table", "attacks")
    table = rows(given, selection)
    column = {**DEFAULTS[name], **selection}.get("column")
    if column == "seconds_per_image" and {"seconds", "n"} <= set(table):
        table = table.assign(seconds_per_image=table["seconds"] / table["n"])
    if column not in table:
        raise Missing(f"the table {name} has no column {column}")
    filled = table[table[column].notna()]
    if filled.empty:
        raise Missing(f"the column {column} is empty for run {selection['run']}")
    groups, sought = filled.groupby(["seed", "epoch"])[column], None
    if "epsilon_where" in selection:
        epsilons = _sought(given, selection)
        values, sought = at_epsilon(filled, column, epsilons), spread(epsilons)
    elif name == "restarts":
        values = groups.mean()
    elif column != OF_THE_CHECKPOINT and groups.size().max() > 1:
        raise Missing(
            f"run {selection['run']} has several rows for each seed and epoch; the claim must "
            "name an epsilon"
        )
    else:
        values = groups.first()
    if name == "restarts":
        images = filled["image"].nunique()
    else:
        images = int(filled["n"].min()) if "n" in filled else 0
    sample = column in SHARES and 0 < images < ALL_IMAGES
    error = image_error(values.mean(), images) if sample else 0.0
    if "since" in selection:
        then = {key: value for key, value in selection.items() if key != "since"}
        before = select(given, {**then, "epoch": selection["since"]})
        values = values.sub(before.per_seed, level="seed").dropna()
        error = math.hypot(error, before.error)
    if "minus_split" in selection:
        then = {key: value for key, value in selection.items() if key != "minus_split"}
        other = select(given, {**then, "split": selection["minus_split"]})
        values = (values - other.values).dropna()
        error = math.hypot(error, other.error)
    return Measured(values, sought, images, error)
