"""The series of a figure: the measured rows and the published points that they name."""

import pandas as pd

PUBLISHED_COLUMNS = ["source", "place", "epoch", "epsilon", "quantity", "value"]
CLEAN = "clean_accuracy"
FILTERS = {"epsilons": "epsilon", "epochs": "epoch"}


def select(data: pd.DataFrame, series: dict) -> pd.DataFrame:
    """Return the rows of `data` that `series` (an entry of a figure's `series`) names.

    Raises ValueError where one of the values that the series names has no row.
    """
    wanted = {
        name: [series[name]] for name in ("run", "attack", "dtype", "split") if name in series
    }
    wanted |= {column: series[name] for name, column in FILTERS.items() if name in series}
    rows = data
    for column, values in wanted.items():
        missing = [value for value in values if value not in set(rows[column])]
        if missing:
            raise ValueError(
                f"The figure's series {series} found no rows: looked for {column} {missing}, "
                f"but the data, as selected so far, hold {sorted(rows[column].dropna().unique())}."
            )
        rows = rows[rows[column].isin(values)]
    return rows


def measured_lines(figure: dict, data: pd.DataFrame, key: str, prefix: str = "") -> pd.DataFrame:
    """Return the rows of all series with `entry` (the series' number), `panel` and `line`.

    A series gives one line per value of the column `key`, named "<prefix><value>", after the
    series' label if it has one; a label alone names the one line of a series.
    Raises ValueError where a series has no rows, or two in one panel have the same name.
    """
    parts = []
    for number, series in enumerate(figure["series"]):
        rows = select(data, series)
        names = prefix + rows[key].astype(str)
        if "label" in series:
            several = rows[key].nunique() > 1
            names = series["label"] + ", " + names if several else series["label"]
        rows = rows.assign(entry=number, panel=series.get("panel", ""), line=names)
        # By size where values are numbers (epsilons are text), as they came where they are not.
        by_size = {"key": lambda column: pd.to_numeric(column, errors="coerce"), "kind": "stable"}
        parts.append(rows.sort_values(key, **by_size))
    rows = pd.concat(parts, ignore_index=True)
    entries = rows.groupby(["panel", "line"])["entry"].nunique()
    if (entries > 1).any():
        shared = entries.index[entries > 1].tolist()
        raise ValueError(f"Series share a line's name (panel, line): {shared}; label them apart.")
    return rows


def published_lines(
    figure: dict,
    table: pd.DataFrame | None,
    rows: pd.DataFrame,
    quantities: list[str],
    key: str,
    prefix: str = "",
) -> pd.DataFrame:
    """Return the published points of all series with `entry`, `panel` and `line`.

    `line` is the name of the line in `rows` of the same series and the same value of `key`;
    where there is none, the points get a name, and so a line, of their own. Clean accuracies,
    which have no line, come with the series that ask for them. No `table`, no points.
    Raises ValueError where a published series has no point of any of the `quantities`.
    """
    parts = []
    for number, series in enumerate(figure["series"]):
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
        ours = rows[rows["entry"] == number].drop_duplicates("line")
        names = dict(zip(ours[key].map(_number_or_text), ours["line"], strict=True))
        lines = [_line_of(value, names, key, prefix) for value in points[key]]
        parts.append(points.assign(entry=number, panel=series.get("panel", ""), line=lines))
    none = pd.DataFrame(columns=[*PUBLISHED_COLUMNS, "entry", "panel", "line"])
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
