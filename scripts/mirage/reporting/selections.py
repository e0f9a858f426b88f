"""What a claim speaks of: rows of the tables of a run, by seed and epoch."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mirage.data.columns import BARE
from mirage.study.sentences import named

# What a selection means where it names nothing else.
DEFAULTS = {
    "attacks": {"split": "test", "dtype": "float32", "defence": BARE, "column": "accuracy"},
    "measures": {"split": "test", "column": "value"},
    "history": {},
    "restarts": {"split": "test", "dtype": "float32", "column": "loss"},
}
KEYS = ("run", "attack", "dtype", "split", "defence", "measure", "item")

# Columns that are the same at every epsilon: they speak of the network or of its gradient.
OF_THE_CHECKPOINT = (
    "clean_accuracy",
    "zero_share",
    "zero_image_share",
    "sign_disagreement",
    "mean_abs_gradient",
)


class Missing(Exception):  # noqa: N818 - it is no error: the run lacks rows, and the ledger says so
    """Rows that a test looks for are not there; the message says which."""


@dataclass(frozen=True)
class Measured:
    """Values of a selection, indexed by seed and epoch, and the epsilon if it had to be sought."""

    values: pd.Series
    sought: str | None = None

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
    text = f"{values.mean():.4g}"
    return text + (f" ± {values.std(ddof=1):.3g}" if len(values) > 1 else "")


def rows(tables: Mapping[str, pd.DataFrame], selection: Mapping) -> tuple[pd.DataFrame, str | None]:
    """The rows of a selection.

    Args:
        tables: Tables by name, as tidy rows; `epsilon` and `item` as text.
        selection: As in claims.yaml.

    Returns:
        The rows, and the epsilon where it was sought by `epsilon_where`.

    Raises:
        Missing: There are none.
    """
    name = selection.get("table", "attacks")
    if name not in tables:
        raise Missing(f"there is no table {name}")
    table = tables[name]
    wanted = {**DEFAULTS[name], **selection}
    looked_for = [f"{key} {wanted[key]}" for key in KEYS if key in wanted]
    for key in KEYS:
        # Tables from before there were defences know the bare network only.
        if key not in wanted or (key == "defence" and wanted[key] == BARE and key not in table):
            continue
        if key not in table:
            raise Missing(f"the table {name} has no column {key} (looked for {wanted[key]})")
        table = table[table[key] == wanted[key]]
    if table.empty:
        raise Missing(f"no rows of table {name} with {', '.join(looked_for)}")
    sought = None
    if "epsilon_where" in wanted:
        where = dict(wanted["epsilon_where"])
        accuracy = where.pop("accuracy")
        sweep = {k: v for k, v in selection.items() if k not in ("epsilon_where", "column")}
        sought = smallest_epsilon(tables, {**sweep, **where}, accuracy)
    epsilon = sought or wanted.get("epsilon")
    if epsilon is not None:
        table = table[table["epsilon"] == epsilon]
        looked_for.append(f"epsilon {epsilon}")
        if table.empty:
            raise Missing(f"no rows of table {name} with {', '.join(looked_for)}")
    epoch = wanted.get("epoch", "last")
    table = at_epochs(table, epoch)
    if table.empty:
        raise Missing(f"no rows of table {name} with {', '.join(looked_for)} at epoch {epoch}")
    return table, sought


def at_epochs(table: pd.DataFrame, epoch: object) -> pd.DataFrame:
    """Rows of an epoch: a number, a list, {from, to}, or the word first, last or all.

    Raises:
        Missing: Some of the epochs of a list are not there.
    """
    match epoch:
        case "all":
            return table
        case "last":
            return table[table["epoch"] == table["epoch"].max()]
        case "first":
            return table[table["epoch"] == table["epoch"].min()]
        case Mapping():
            return table[table["epoch"].between(epoch.get("from", 0), epoch.get("to", math.inf))]
        case list():
            lacking = sorted(set(epoch) - set(table["epoch"]))
            if lacking:
                raise Missing(f"no rows at epochs {named(lacking)}")
            return table[table["epoch"].isin(epoch)]
    return table[table["epoch"] == epoch]


def smallest_epsilon(tables: Mapping, selection: Mapping, at_most: float) -> str:
    """The smallest epsilon of a sweep whose mean accuracy over seeds is at most that.

    For sources that state an accuracy but not the epsilon it was reached with, and for DeepFool's
    comparison with FGSM at 90 % error.

    Raises:
        Missing: There is no sweep, or none of its epsilons is large enough.
    """
    table, _ = rows(tables, selection)
    name = f"attack {selection.get('attack')} on run {selection['run']}"
    means = table.groupby("epsilon")["accuracy"].mean()
    means = means.loc[sorted(means.index, key=float)]
    if means.empty:
        raise Missing(f"{name} has no sweep of epsilons")
    reached = means[means <= at_most]
    if reached.empty:
        raise Missing(
            f"no epsilon of the sweep of {name} brings the accuracy to {at_most:g} or less; at "
            f"{means.idxmin()} it is {means.min():.3f}"
        )
    return reached.index[0]


def select(tables: Mapping[str, pd.DataFrame], selection: Mapping) -> Measured:
    """The values of a selection by seed and epoch.

    `seconds_per_image` is read as seconds / n.

    Raises:
        Missing: There are none, the column is missing or empty, or the rows are of several
            epsilons though their values depend on it.
    """
    name = selection.get("table", "attacks")
    table, sought = rows(tables, selection)
    column = {**DEFAULTS[name], **selection}.get("column")
    if column == "seconds_per_image" and {"seconds", "n"} <= set(table):
        table = table.assign(seconds_per_image=table["seconds"] / table["n"])
    if column not in table:
        raise Missing(f"the table {name} has no column {column}")
    filled = table[table[column].notna()]
    if filled.empty:
        raise Missing(f"the column {column} is empty for run {selection['run']}")
    groups = filled.groupby(["seed", "epoch"])[column]
    if "since" in selection:
        then = {key: value for key, value in selection.items() if key != "since"}
        before = select(tables, {**then, "epoch": selection["since"]}).per_seed
        return Measured(groups.first().sub(before, level="seed").dropna(), sought)
    if name == "restarts":
        return Measured(groups.mean(), sought)
    if column not in OF_THE_CHECKPOINT and groups.size().max() > 1:
        raise Missing(
            f"run {selection['run']} has several rows for each seed and epoch; the claim must "
            "name an epsilon"
        )
    return Measured(groups.first(), sought)
