"""Rows of tables: read from files, and those of them that a selection names."""

import functools
import io
import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mirage.data import columns

# Text as it stands: "0.10" or "001" would not survive as numbers.
TEXT = {"epsilon": "string", "item": "string"}
# Columns that a selection names a value of, and those that it names several of.
KEYS = ("run", "attack", "gradient", "dtype", "split", "defence", "measure", "item", "epsilon")
LISTS = {"epsilons": "epsilon", "epochs": "epoch"}
# Columns of a job rather than of the attack's size: between two rows there is nothing.
OF_A_ROW = ("n", "seconds", "seconds_per_image", "iterations")


class Missing(Exception):  # noqa: N818 - it is no error: the run lacks rows, and what is shown says so
    """Rows that are looked for are not there; the message says which."""


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
    # Parsed together: a table for each of many thousand files takes long, and much memory.
    contents = (Path(path).read_bytes().partition(b"\n") for path in paths)
    parts = [
        header + b"\n" + b"".join(rows for _, _, rows in several)
        for header, several in itertools.groupby(contents, lambda content: content[0])
    ]
    read_csv = functools.partial(pd.read_csv, dtype=TEXT, low_memory=False)
    return pd.concat([read_csv(io.BytesIO(part)) for part in parts], ignore_index=True)


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


def crossing(sweep: pd.DataFrame, accuracy: float) -> pd.Series:
    """For each seed the epsilon at which the accuracy of a sweep falls to that.

    Linear between the last epsilon whose accuracy is above it and the next one. For sources that
    state an accuracy but not the epsilon it was reached with, and for DeepFool's comparison with
    FGSM at 90 % error.

    Args:
        sweep: Rows of one attack at several epsilons; several epochs are averaged.
        accuracy: Share of images, 0 to 1.

    Raises:
        Missing: A seed does not fall to it, or begins below it.
    """
    if sweep["epsilon"].isna().all():
        raise Missing("there is no sweep of epsilons")
    found = {}
    for seed, curve in _by_epsilon(sweep, ["seed"], "accuracy").groupby("seed"):
        epsilons, values = curve.index.get_level_values("epsilon"), curve.to_numpy()
        (fallen,) = np.nonzero(values <= accuracy)
        if not fallen.size:
            raise Missing(
                f"no epsilon up to {epsilons[-1]:g} brings the accuracy of seed {seed} to "
                f"{accuracy:g}; at {epsilons[values.argmin()]:g} it is {values.min():.3f}"
            )
        if fallen[0] == 0 and values[0] < accuracy:
            raise Missing(
                f"at epsilon {epsilons[0]:g}, the smallest one, the accuracy of seed {seed} is "
                f"{values[0]:.3f} already, below {accuracy:g}"
            )
        pair = slice(max(fallen[0] - 1, 0), fallen[0] + 1)
        found[seed] = np.interp(-accuracy, -values[pair], epsilons[pair])
    return pd.Series(found, name="epsilon").rename_axis("seed")


def at_epsilon(table: pd.DataFrame, column: str, epsilons: pd.Series) -> pd.Series:
    """A column at an epsilon of each seed, by seed and epoch.

    Linear between the epsilons that were measured; of `OF_A_ROW` the value at the nearest one.

    Args:
        table: Rows of one attack at several epsilons.
        column: One of numbers.
        epsilons: By seed, as `crossing` gives them; other seeds are left out.

    Raises:
        Missing: A seed was not measured on both sides of its epsilon, or no seed has one.
    """
    found = {}
    for (seed, epoch), curve in _by_epsilon(table, ["seed", "epoch"], column).groupby(
        ["seed", "epoch"]
    ):
        if seed not in epsilons:
            continue
        measured, wanted = curve.index.get_level_values("epsilon"), epsilons[seed]
        if not measured.min() <= wanted <= measured.max():
            raise Missing(f"not measured at epsilon {wanted:.4g}")
        if column in OF_A_ROW:
            found[seed, epoch] = curve.iloc[np.abs(measured - wanted).argmin()]
        else:
            found[seed, epoch] = np.interp(wanted, measured, curve)
    if not found:
        raise Missing("no seed has both an epsilon and a value")
    index = pd.MultiIndex.from_tuples(found, names=["seed", "epoch"])
    return pd.Series(list(found.values()), index, dtype=float)


def _by_epsilon(table: pd.DataFrame, keys: Sequence[str], column: str) -> pd.Series:
    """Means of a column by keys and, ascending, by epsilon as a number."""
    number = pd.to_numeric(table["epsilon"])
    values = number if column == "epsilon" else table[column]
    known = values.notna() & number.notna()
    by = [*(table.loc[known, key] for key in keys), number[known].rename("epsilon")]
    return values[known].groupby(by).mean()
