"""Rows of tables: read from files, and those of them that a selection names."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from mirage.data import columns

# Text as it stands: "0.10" or "001" would not survive as numbers.
TEXT = {"epsilon": "string", "item": "string"}
# Columns that a selection names a value of, and those that it names several of.
KEYS = ("run", "attack", "gradient", "dtype", "split", "defence", "measure", "item", "epsilon")
LISTS = {"epsilons": "epsilon", "epochs": "epoch"}


def read(paths: Sequence[Path | str], kind: str | None = None) -> pd.DataFrame:
    """Rows of several tidy CSV files of the same columns, in the order given.

    Args:
        paths: CSV files.
        kind: A key of `mirage.data.columns.COLUMNS`; the files are checked against it. No files
            give a table of its columns without rows.

    Raises:
        RowsError: A file does not hold such rows; the message names it.
    """
    if kind:
        columns.check(paths, kind)
        if not paths:
            return pd.DataFrame(columns=columns.COLUMNS[kind])
    return pd.concat([pd.read_csv(path, dtype=TEXT) for path in paths], ignore_index=True)


def selected(table: pd.DataFrame, selection: Mapping) -> pd.DataFrame:
    """The rows of a table that a selection names: all if it names nothing.

    Args:
        table: Tidy rows; `epsilon` and `item` as text.
        selection: Values of `KEYS`, lists of `LISTS`, and `epoch`: a number, a list, {from, to}, or
            the word first, last or all, among the rows that the rest names. Other keys, such as a
            label, say nothing of rows.
    """
    for key in KEYS:
        if key in selection:
            table = table[table[key] == selection[key]]
    for key, column in LISTS.items():
        if key in selection:
            table = table[table[column].isin(selection[key])]
    match selection.get("epoch", "all"):
        case "all":
            return table
        case "last":
            return table[table["epoch"] == table["epoch"].max()]
        case "first":
            return table[table["epoch"] == table["epoch"].min()]
        case Mapping() as span:
            return table[table["epoch"].between(span.get("from", 0), span.get("to", math.inf))]
        case list() as epochs:
            return table[table["epoch"].isin(epochs)]
        case epoch:
            return table[table["epoch"] == epoch]


def smallest_epsilon(sweep: pd.DataFrame, at_most: float) -> tuple[str | None, pd.Series]:
    """The smallest epsilon of a sweep whose mean accuracy over seeds is at most that.

    For sources that state an accuracy but not the epsilon it was reached with, and for DeepFool's
    comparison with FGSM at 90 % error.

    Returns:
        The epsilon, None where no one is large enough, and the mean accuracies by epsilon, from the
        smallest on.
    """
    means = sweep.groupby("epsilon")["accuracy"].mean()
    means = means.loc[sorted(means.index, key=float)]
    return next(iter(means.index[means <= at_most]), None), means
