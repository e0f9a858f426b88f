"""The series of a figure: the measured rows and the published points that they name."""

import math

import pandas as pd

from mirage.reporting.rows import LISTS, selected

PUBLISHED_COLUMNS = ["source", "place", "epoch", "epsilon", "quantity", "item", "value"]
CLEAN = "clean_accuracy"


def select(data: pd.DataFrame, series: dict) -> pd.DataFrame:
    """Return the rows of `data` that `series` (an entry of a figure's `series`) names.

    Raises ValueError where there are none, or none of one of its epsilons or epochs.
    """
    rows = selected(data, series)
    listed = {column: series[key] for key, column in LISTS.items() if key in series}
    if rows.empty or any(set(values) - set(rows[column]) for column, values in listed.items()):
        there = selected(data, {key: one for key, one in series.items() if key not in LISTS})
        held = {column: sorted(set(there[column].dropna().tolist())) for column in listed}
        raise ValueError(f"The figure's series {series} found no rows; there are {held}.")
    return rows


def entries(figure: dict) -> list[int]:
    """Return the number of the entry in the legend that each series of `figure` belongs to.

    That is its own number, except that series with an `x` of their own, a label and a panel in
    common belong to the first of them: they are points of the same lines.
    """
    firsts = {}
    return [
        firsts.setdefault((series.get("label"), series.get("panel")), number)
        if "x" in series
        else number
        for number, series in enumerate(figure["series"])
    ]


def measured_lines(figure: dict, data: pd.DataFrame, key: str, prefix: str = "") -> pd.DataFrame:
    """Return the rows of all series with `entry` (see `entries`), `panel`, `line` and `x`.

    An entry gives one line per value of the column `key`, named "<prefix><value>", after the
    series' label if it has one; a label alone names the one line of an entry, and rows without
    a value, as those of a gradient or of a minimal attack, which have no epsilon. `x` is the
    series' own (float).
    Raises ValueError where a series has no rows, or two in one panel have the same name.
    """
    parts = []
    # Rows of a gradient have no epsilon.
    data = data if key in data else data.assign(**{key: math.nan})
    for entry, series in zip(entries(figure), figure["series"], strict=True):
        rows = select(data, series).assign(
            entry=entry,
            panel=series.get("panel", ""),
            label=series.get("label", ""),
            x=float(series.get("x", math.nan)),
        )
        # By size where values are numbers (epsilons are text), as they came where they are not.
        by_size = {"key": lambda column: pd.to_numeric(column, errors="coerce"), "kind": "stable"}
        parts.append(rows.sort_values(key, **by_size))
    rows = pd.concat(parts, ignore_index=True)
    several = rows.groupby("entry")[key].transform("nunique", dropna=False) > 1
    measured = rows.get("attack", rows.get("gradient", rows["label"]))
    named = zip(rows["label"], rows[key], several, measured, strict=True)
    rows["line"] = [_name(label, value, prefix, *rest) for label, value, *rest in named]
    found = rows.groupby(["panel", "line"])["entry"].nunique()
    if (found > 1).any():
        shared = found.index[found > 1].tolist()
        raise ValueError(f"Series share a line's name (panel, line): {shared}; label them apart.")
    return rows


def _name(label: str, value: str | int, prefix: str, several: bool, measured: str) -> str:
    """Return the name of the line of a `value` of the key, one of `several` in its entry or not."""
    if pd.isna(value):
        return label or measured
    if not label:
        return f"{prefix}{value}"
    return f"{label}, {prefix}{value}" if several else label


def published_lines(
    figure: dict,
    table: pd.DataFrame | None,
    rows: pd.DataFrame,
    quantities: list[str],
    key: str,
    prefix: str = "",
) -> pd.DataFrame:
    """Return the published points of all series with `entry`, `panel`, `line` and `x`.

    `line` is the name of the line in `rows` of the same series and the same value of `key`;
    where there is none, the points get a name, and so a line, of their own. Clean accuracies,
    which have no line, come with the series that ask for them. No `table`, no points.
    Raises ValueError where a published series has no point of any of the `quantities`.
    """
    parts = []
    for entry, series in zip(entries(figure), figure["series"], strict=True):
        if table is None or "published" not in series:
            continue
        with_clean = series.get("clean") and "accuracy" in quantities
        drawn = [*quantities, CLEAN] if with_clean else quantities
        points = table[(table["series"] == series["published"]) & table["quantity"].isin(drawn)]
        if points.empty:
            raise ValueError(
                f"The figure's series {series} found no published points: looked for "
                f"{series['published']!r} with quantity {drawn}, but the table holds "
                f"{sorted(set(zip(table['series'], table['quantity'], strict=True)))}."
            )
        ours = rows[rows["entry"] == entry].drop_duplicates("line")
        names = dict(zip(ours[key].map(_number_or_text), ours["line"], strict=True))
        lines = [_line_of(value, names, key, prefix) for value in points[key]]
        where = {"entry": entry, "panel": series.get("panel", ""), "line": lines}
        parts.append(points.assign(**where, x=float(series.get("x", math.nan))))
    none = pd.DataFrame(columns=[*PUBLISHED_COLUMNS, "entry", "panel", "line", "x"])
    return pd.concat(parts, ignore_index=True) if parts else none


def _line_of(value: str | int, names: dict[float | str, str], key: str, prefix: str) -> str:
    """Return the name in `names` (value of `key` -> line) that a published `value` belongs to."""
    if not pd.isna(value):
        return names.get(_number_or_text(value), f"published, {prefix}{value}")
    # With one line of ours, that is the one a value without an epsilon or epoch is held against.
    return next(iter(names.values())) if len(names) == 1 else f"published, {key} not stated"


def _number_or_text(value: str | int) -> float | str:
    """Return a number for text that is one: "0.1" and "0.10" are the same epsilon."""
    try:
        return float(value)
    except ValueError:
        return value
