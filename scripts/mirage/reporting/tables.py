"""Tables: rows of all jobs together, means and spreads over seeds, published beside measured."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from mirage.data.columns import BARE
from mirage.reporting.rows import LISTS, Missing, at_epsilon, crossing, selected
from mirage.runtime.files import atomic

# What makes two rows the same measurement on another seed, and what is averaged over seeds.
TABLES = {
    "attacks": (
        ["run", "epoch", "split", "attack", "defence", "gradient", "dtype", "epsilon"],
        ["clean_accuracy", "accuracy", "success", "rho_l2"],
    ),
    "gradients": (
        ["run", "epoch", "split", "defence", "gradient", "dtype"],
        ["zero_share", "zero_image_share", "sign_disagreement"],
    ),
    "measures": (["run", "epoch", "split", "measure", "item"], ["value"]),
    "history": (
        ["run", "epoch", "learning_rate"],
        ["loss", "accuracy", "validation_loss", "validation_accuracy"],
    ),
}


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


def spread(mean: float, sd: float, form: str = ".3f", of_sd: str = "") -> str:
    """A mean and its standard deviation as text, `0.981 ± 0.002`; empty where nothing is.

    Args:
        mean, sd: Numbers; `sd` is missing for one seed.
        form: Format of the mean.
        of_sd: Format of the deviation, where it is another.
    """
    if pd.isna(mean):
        return ""
    return f"{mean:{form}}" + ("" if pd.isna(sd) else f" ± {sd:{of_sd or form}}")


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


def summary(
    rows: pd.DataFrame, gradients: pd.DataFrame, options: Mapping
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Clean and attacked accuracy by run and epoch, side by side, and how masked the first is.

    Args:
        rows: Attack rows.
        gradients: Rows of gradients.
        options: `runs`, `split`, `epsilon` and `columns` (label, attack, dtype) as in the
            configuration, and `gradients`: for each run the gradient of the first column, as a
            selection (of another run for a transfer), None where that attack follows none.

    Returns:
        The table in numbers (means and `_sd` over seeds) and in readable text.
    """
    same = {"epsilon": options["epsilon"], "split": options["split"], "defence": BARE}
    chosen = selected(rows, same)
    keys = ["run", "epoch"]
    values = []
    table = None
    for number, column in enumerate(options["columns"]):
        part = selected(chosen, column)
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
    masked = ["zero_share", "sign_disagreement"]
    parts = [
        selected(gradients, one or {"run": None}).assign(run=run)
        for run, one in zip(options["runs"], options["gradients"], strict=True)
    ]
    part = over_seeds(pd.concat(parts), keys, masked).drop(columns="seeds")
    table = table.merge(part.astype({"epoch": int}), on=keys, how="left", sort=False)
    order = {run: number for number, run in enumerate(options["runs"])}
    table = table[table["run"].isin(order)]
    table = table.sort_values(
        ["run", "epoch"], key=lambda c: c.map(order) if c.name == "run" else c, ignore_index=True
    )
    return table, readable(table, [*values, *masked])


def published(
    attacks: pd.DataFrame,
    gradients: pd.DataFrame,
    measures: pd.DataFrame,
    values: pd.DataFrame,
    series: Sequence[Mapping],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every published value of the series that are drawn, beside what was measured.

    Args:
        attacks: Attack rows.
        gradients: Rows of gradients.
        measures: Measure rows.
        values: As `mirage.data.published.table` gives them.
        series: Entries of figures that name a `published` series, with what they select.

    Returns:
        The table in numbers (source, place, what, published, measured mean, `_sd`, seeds,
        difference) and in readable text; empty measurements where no row matches.
    """
    found = []
    for entry in {one["published"]: one for one in series}.values():
        own = values[values["series"] == entry["published"]]
        for value in own.to_dict("records"):
            if pd.notna(value["item"]):
                rows, column = measures, "value"
                chosen = {"run": entry["run"], "measure": value["quantity"], "item": value["item"]}
            else:
                rows, column = gradients if "gradient" in entry else attacks, value["quantity"]
                chosen = {key: one for key, one in entry.items() if key not in LISTS}
            places = [key for key in ("epsilon", "epoch") if key in rows and pd.notna(value[key])]
            rows = selected(rows, {**chosen, **{key: value[key] for key in places}})
            # A clean accuracy stands in the row of every epsilon. A gradient has none.
            seeds = (
                rows.groupby("seed")[column].first() if column in rows else pd.Series(dtype=float)
            )
            found.append(
                {
                    "source": value["source"],
                    "place": value["place"],
                    "run": entry["run"],
                    "quantity": value["quantity"],
                    "item": value["item"],
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
        *("source", "place", "run", "quantity", "item", "epoch", "epsilon"),
        *("published", "measured", "measured_sd", "seeds", "difference"),
    )
    table = pd.DataFrame(found, columns=columns)
    table["epoch"] = table["epoch"].astype("Int64")
    return table, readable(table, ["measured"])


def cells(
    rows: pd.DataFrame, gradients: pd.DataFrame, values: pd.DataFrame, options: Mapping
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A table of the configuration: each cell the mean over seeds of what it selects.

    Args:
        rows: Attack rows.
        gradients: Rows of gradients.
        values: As `mirage.data.published.table` gives them.
        options: `published` (where the keys of its cells begin), `common`, `rows` and `columns` as
            under `tables` in the configuration.

    Returns:
        A row for each cell (row, column, quantity, epsilon, measured, `_sd`, seeds, published,
        note), and the table as it is read, the published value in brackets.
    """
    rows = rows.assign(
        clean_error=1 - rows["clean_accuracy"], seconds_per_image=rows["seconds"] / rows["n"]
    )
    gradients = gradients.assign(epsilon=pd.NA)
    values = dict(zip(values["series"], values["value"], strict=True))
    found = []
    for row, column in itertools.product(options["rows"], options["columns"]):
        cell = {**options["common"], **row, **column}
        found.append(
            {
                "row": row["label"],
                "column": column["label"],
                **_cell(gradients if "gradient" in cell else rows, cell),
                "published": values.get(
                    "/".join([options["published"], row.get("key", ""), column.get("key", "")])
                ),
            }
        )
    columns = "row column quantity epsilon measured measured_sd seeds published note"
    table = pd.DataFrame(found, columns=columns.split())
    table["seeds"] = table["seeds"].astype("Int64")
    table["text"] = [_cell_text(one) for one in found]
    text = table.pivot_table("text", "row", "column", aggfunc="first", sort=False).reset_index()
    return table.drop(columns="text"), text.rename(columns={"row": ""})


def _cell(rows: pd.DataFrame, cell: Mapping) -> dict[str, object]:
    """The mean over seeds of what a cell selects."""
    if "missing" in cell:
        return {"note": cell["missing"]}
    quantity, chosen = cell["value"], {"epoch": "last", **cell}
    epsilon = cell.get("epsilon")
    if "epsilon_where" in cell:
        chosen.pop("epsilon", None)
        where = cell["epsilon_where"]
        try:
            epsilons = crossing(selected(rows, {**chosen, **where}), where["accuracy"])
            each = at_epsilon(selected(rows, chosen), quantity, epsilons).droplevel("epoch")
        except Missing as missing:
            return {"quantity": quantity, "note": str(missing)}
        epsilon = f"{epsilons.mean():.4g}"
    else:
        part = selected(rows, chosen)
        if part.empty and epsilon is not None:
            return {"quantity": quantity, "note": f"not measured at epsilon {epsilon}"}
        # A clean accuracy stands in the row of every epsilon.
        part = part.assign(epsilon=pd.to_numeric(part["epsilon"]))
        each = part.groupby("seed")[quantity].first()
    return {
        "quantity": quantity,
        "epsilon": epsilon,
        "measured": each.mean(),
        "measured_sd": each.std(),
        "seeds": len(each),
    }


def _cell_text(cell: Mapping) -> str:
    """A cell as it is read."""
    if cell.get("measured") is None:
        text = cell["note"]
    else:
        form = ".3f" if cell["measured"] > 0.01 else ".5f"
        text = spread(cell["measured"], cell["measured_sd"], form)
    if pd.notna(cell["published"]):
        text += f" (published {cell['published']:g})"
    return text


def write(table: pd.DataFrame, text: pd.DataFrame, csv: Path, markdown: Path) -> None:
    """Write a table's numbers as CSV and its readable form as Markdown, each whole or not."""
    with atomic(csv) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
    shown = text.astype(object).where(text.notna(), "")
    with atomic(markdown) as temporary:
        # Text is not to be read as numbers: the epsilon "0.10" stays as it is.
        text = shown.to_markdown(index=False, disable_numparse=True)
        temporary.write_text(text + "\n", encoding="utf-8")
