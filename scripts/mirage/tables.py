"""Tables: rows of all jobs together, means and spreads over seeds, published beside measured."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from mirage.files import atomic

# Text as it stands: "0.10" or "001" would not survive as numbers.
TEXT = {"epsilon": "string", "item": "string"}

# What makes two rows the same measurement on another seed, and what is averaged over seeds.
TABLES = {
    "attacks": (
        ["run", "epoch", "split", "attack", "gradient", "dtype", "epsilon"],
        ["clean_accuracy", "accuracy", "zero_share", "sign_disagreement"],
    ),
    "measures": (["run", "epoch", "split", "measure", "item"], ["value"]),
    "history": (
        ["run", "epoch", "learning_rate"],
        ["loss", "accuracy", "validation_loss", "validation_accuracy"],
    ),
}


def read(paths: Iterable[Path | str]) -> pd.DataFrame:
    """Rows of several tidy CSV files of the same columns, in the order given."""
    return pd.concat([pd.read_csv(path, dtype=TEXT) for path in paths], ignore_index=True)


def over_seeds(rows: pd.DataFrame, keys: Sequence[str], values: Sequence[str]) -> pd.DataFrame:
    """Means and standard deviations over seeds.

    Args:
        rows: Tidy rows with a column `seed`.
        keys: Columns that tell one measurement from another.
        values: Columns that are averaged.

    Returns:
        A row for each measurement, in order of first appearance: the keys, `seeds` (how many),
        and for each value its mean and `_sd`, the sample standard deviation (empty for one seed).
    """
    groups = rows.groupby(list(keys), sort=False, dropna=False)
    table = groups["seed"].nunique().rename("seeds").to_frame()
    for value in values:
        table[value] = groups[value].mean()
        table[f"{value}_sd"] = groups[value].std()
    return table.reset_index()


def spread(mean: float, deviation: float, digits: int = 3) -> str:
    """A mean and its standard deviation as text, `0.981 ± 0.002`; empty where nothing is."""
    if pd.isna(mean):
        return ""
    return f"{mean:.{digits}f}" + ("" if pd.isna(deviation) else f" ± {deviation:.{digits}f}")


def readable(table: pd.DataFrame, values: Sequence[str]) -> pd.DataFrame:
    """A copy in which each value and its `_sd` are one column of text."""
    columns = {}
    for column in table.columns:
        if column in values:
            pairs = zip(table[column], table[f"{column}_sd"], strict=True)
            columns[column] = [spread(*pair) for pair in pairs]
        elif column.removesuffix("_sd") not in values:
            columns[column] = table[column]
    return pd.DataFrame(columns)


def summary(rows: pd.DataFrame, options: Mapping) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Clean and attacked accuracy by run and epoch, side by side, and how masked the first is.

    Args:
        rows: Attack rows.
        options: `runs`, `split`, `epsilon` and `columns` (label, attack, dtype) as in the
            configuration.

    Returns:
        The table in numbers (means and `_sd` over seeds) and in readable text.
    """
    chosen = rows[(rows["epsilon"] == options["epsilon"]) & (rows["split"] == options["split"])]
    keys = ["run", "epoch"]
    values = []
    table = None
    for number, column in enumerate(options["columns"]):
        part = chosen[(chosen["attack"] == column["attack"]) & (chosen["dtype"] == column["dtype"])]
        names = {"accuracy": column["label"]}
        if number == 0:
            names = {"clean_accuracy": "clean", **names}
        means = over_seeds(part, keys, list(names)).rename(
            columns={**names, **{f"{old}_sd": f"{new}_sd" for old, new in names.items()}}
        )
        values += names.values()
        if table is None:
            table = means
        else:
            table = table.merge(means.drop(columns="seeds"), on=keys, how="outer", sort=False)
    first = options["columns"][0]
    part = chosen[(chosen["attack"] == first["attack"]) & (chosen["dtype"] == first["dtype"])]
    masked = ["zero_share", "sign_disagreement"]
    table = table.merge(
        over_seeds(part, keys, masked).drop(columns="seeds"), on=keys, how="outer", sort=False
    )
    order = {run: number for number, run in enumerate(options["runs"])}
    table = table[table["run"].isin(order)]
    table = table.sort_values(
        ["run", "epoch"], key=lambda c: c.map(order) if c.name == "run" else c, ignore_index=True
    )
    return table, readable(table, [*values, *masked])


def published(
    attacks: pd.DataFrame, measures: pd.DataFrame, values: pd.DataFrame, series: Sequence[Mapping]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every published value of the series that are drawn, beside what was measured.

    Args:
        attacks: Attack rows.
        measures: Measure rows.
        values: resources/published/series.csv.
        series: Entries of figures that name a `published` series, with what they select.

    Returns:
        The table in numbers (source, place, what, published, measured mean, `_sd`, seeds,
        difference) and in readable text; empty measurements where no row matches.
    """
    found = []
    for entry in {one["published"]: one for one in series}.values():
        own = values[values["series"] == entry["published"]]
        for value in own.to_dict("records"):
            if value["quantity"].startswith("spectral_norm"):
                rows = measures[
                    (measures["run"] == entry["run"])
                    & (measures["measure"] == "spectral_norm")
                    & (measures["item"] == value["quantity"].split(":")[1])
                ]
                column = "value"
            else:
                rows = attacks
                for key in ("run", "attack", "dtype", "split"):
                    rows = rows[rows[key] == entry[key]] if key in entry else rows
                if pd.notna(value["epsilon"]):
                    rows = rows[rows["epsilon"] == value["epsilon"]]
                column = value["quantity"]
            if pd.notna(value["epoch"]):
                rows = rows[rows["epoch"] == int(value["epoch"])]
            # A clean accuracy or a share of zeros stands in the row of every epsilon.
            seeds = rows.groupby("seed")[column].first()
            found.append(
                {
                    "source": value["source"],
                    "place": value["place"],
                    "run": entry["run"],
                    "quantity": value["quantity"],
                    "epoch": value["epoch"],
                    "epsilon": value["epsilon"],
                    "published": value["value"],
                    "measured": seeds.mean(),
                    "measured_sd": seeds.std(),
                    "seeds": len(seeds),
                    "difference": seeds.mean() - value["value"],
                }
            )
    columns = (
        "source place run quantity epoch epsilon published measured measured_sd seeds difference"
    )
    table = pd.DataFrame(found, columns=columns.split())
    table["epoch"] = table["epoch"].astype("Int64")
    return table, readable(table, ["measured"])


def write(table: pd.DataFrame, text: pd.DataFrame, csv: Path, markdown: Path) -> None:
    """Write a table's numbers as CSV and its readable form as Markdown, each whole or not."""
    with atomic(csv) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
    shown = text.astype(object).where(text.notna(), "")
    with atomic(markdown) as temporary:
        # Text is not to be read as numbers: the epsilon "0.10" stays as it is.
        temporary.write_text(shown.to_markdown(index=False, disable_numparse=True) + "\n")
