"""Tests of claims on the source's own numbers, where these are public.

A test that its source fails tests something else than what is claimed. The published values become
rows, as if two seeds had measured them alike: there is no spread, and the mean decides.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from mirage.data.columns import BARE, COLUMNS
from mirage.reporting.claims import COMPUTED, selections
from mirage.reporting.conditions import KINDS, OF_NUMBERS
from mirage.reporting.rows import TEXT, Missing
from mirage.reporting.verdicts import NOT_REPRODUCED

HOLDS = "holds"
FAILS = "fails"
PART = "part"
NOT_PUBLIC = "not public"


def tables(values: pd.DataFrame, points: Sequence[Mapping], source: str) -> dict[str, pd.DataFrame]:
    """A source's values as tables of attacks, gradients and measures, and as they are: series.

    Args:
        values: As `mirage.data.published.table` gives them.
        points: As `mirage.study.plan.Plan.points` gives them.
        source: Whose. What another source published of the same run is no number of this one.
    """
    values = values[values["source"] == source]
    by_series = {name: rows.to_dict("records") for name, rows in values.groupby("series")}
    found = {"attacks": [], "gradients": [], "measures": []}
    for point in points:
        for value in by_series.get(point["series"], ()):
            for table, row in _rows(point, value):
                found[table] += [{**row, "seed": seed} for seed in (1, 2)]
    given = {"series": values}
    for table, rows in found.items():
        # How many images the source attacked is not known.
        columns = [one for one in (*COLUMNS[table], *COMPUTED.get(table, ())) if one != "n"]
        types = {key: kind for key, kind in TEXT.items() if key in columns}
        given[table] = pd.DataFrame(rows, columns=columns).drop_duplicates().astype(types)
    return given


def _rows(point: Mapping, value: Mapping) -> list[tuple[str, dict]]:
    """The table and the row of a published value; a clean accuracy is a measure as well."""
    here = {key: value[key] for key in ("split", "epoch") if pd.notna(value[key])}
    row = {**point, **here}
    quantity, number = point.get("value", value["quantity"]), value["value"]
    if quantity == "clean_error":
        quantity, number = "clean_accuracy", 1 - number
    if pd.notna(value["item"]):
        return [("measures", _measure(row, quantity, value["item"], number))]
    if "gradient" in point:
        return [("gradients", {**row, quantity: number})]
    epsilon = value["epsilon"] if pd.notna(value["epsilon"]) else _epsilon(point)
    found = [("attacks", {**row, "epsilon": epsilon, quantity: number})]
    if quantity == "clean_accuracy" and row.get("split") == "test":
        found.append(("measures", _measure(row, "accuracy", "all", number)))
    return found


def _measure(row: Mapping, measure: str, item: str, number: float) -> dict:
    about = {"run": row["run"], "epoch": row["epoch"], "split": "test"}
    return {**about, "measure": measure, "item": item, "value": number}


def _epsilon(selection: Mapping) -> str | None:
    """The epsilon of a selection; one that is not stated is named by what is known of it."""
    if "epsilon_where" not in selection:
        return selection.get("epsilon")
    at = {"split": "test", "defence": BARE, **selection, **selection["epsilon_where"]}
    keys = ("accuracy", "attack", "run", "split", "defence")
    return "where " + " ".join(str(at[key]) for key in keys)


def verdict(given: Mapping, conditions: Sequence[Mapping]) -> tuple[str, str]:
    """Whether the source's own numbers pass a test, and what they fail.

    Args:
        given: As `tables` gives them.
        conditions: As in claims.yaml.

    Returns:
        `FAILS` where one does not hold, `HOLDS` where all do, `PART` where the numbers of some are
        not public, `NOT_PUBLIC` where those of none are, and empty where nothing is tested.
    """
    outcomes = []
    for condition in conditions:
        if condition["kind"] == "measurement":
            continue
        one = {key: dict(p) if isinstance(p, Mapping) else p for key, p in condition.items()}
        for selection in selections(one):
            if "epsilon_where" in selection:
                selection["epsilon"] = _epsilon(selection)
                del selection["epsilon_where"]
        try:
            outcomes.append(KINDS[one["kind"]][0](given, one))
        except Missing:
            # A number that is held against ours is the source's own.
            outcomes.append(HOLDS if one["kind"] in OF_NUMBERS else None)
    failed = [one.reason for one in outcomes if getattr(one, "verdict", "") == NOT_REPRODUCED]
    if failed:
        return FAILS, "; ".join(failed)
    if not outcomes:
        return "", ""
    if None not in outcomes:
        return HOLDS, ""
    return (PART if any(outcomes) else NOT_PUBLIC), ""
