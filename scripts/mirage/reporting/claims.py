"""Claims as data: whether they agree with one another and with the tables.

When a run is planned, and again when the claims are judged.
"""

import copy
from collections.abc import Collection, Mapping, Sequence

from mirage.data.columns import COLUMNS, MASKING
from mirage.runtime.errors import MirageError
from mirage.study import by_gradient
from mirage.study.sentences import named

# Columns that are computed from those of a table.
COMPUTED = {"attacks": ("seconds_per_image",)}
# How a claim comes to its verdict; `fitted` stands beside a test.
WAYS = ("test", "not_testable", "data_not_given")


class ClaimsError(MirageError, ValueError):
    """Claims that cannot be read; the message lists every fault found."""


def check(claims: Sequence[Mapping], series: Collection[str] = ()) -> None:
    """Check claims.

    Args:
        claims: Each as `mirage.study.model_claims.Claim` says, with its source.
        series: Names of the published series.

    Raises:
        ClaimsError: An identifier stands twice or does not begin with its source, a claim has not
            exactly one of `WAYS`, or names a series that is not published, or a column that its
            table lacks.
    """
    faults = [fault for claim in claims for fault in _faults(claim, series)]
    ids = [claim["id"] for claim in claims]
    faults += [f"{name}: this id stands twice" for name in {i for i in ids if ids.count(i) > 1}]
    if faults:
        raise ClaimsError("the claims cannot be used:\n  - " + "\n  - ".join(faults))


def _faults(claim: Mapping, series: Collection[str]) -> list[str]:
    faults = []
    if not claim["id"].startswith(claim["source"] + "-"):
        faults.append(f"{claim['id']}: the id must begin with its source {claim['source']!r}")
    if sum(way in claim for way in WAYS) != 1:
        faults.append(f"{claim['id']}: it needs either 'test', 'not_testable' or 'data_not_given'")
    if "fitted" in claim and "test" not in claim:
        faults.append(f"{claim['id']}: 'fitted' says why its test is none; it needs 'test' as well")
    for condition in claim.get("test", ()):
        if condition["kind"] == "series" and condition["series"] not in series:
            faults.append(
                f"{claim['id']}: there is no series {condition['series']!r}; "
                f"there are {named(sorted(series))}"
            )
        for selection in selections(condition):
            table, column = selection.get("table", "attacks"), selection.get("column")
            if column and column not in (columns := (*COLUMNS[table], *COMPUTED.get(table, ()))):
                other = "; for this one write table: gradients" if column in MASKING else ""
                faults.append(
                    f"{claim['id']}: the table {table} has no column {column!r}; it has "
                    f"{named(columns)}{other}"
                )
            faults += by_gradient.faults(claim["id"], selection)
            if table == "gradients" and not {"gradient", "column"} <= set(selection):
                faults.append(f"{claim['id']}: a selection of gradients needs gradient and column")
            elif table != "gradients" and "gradient" in selection:
                faults.append(
                    f"{claim['id']}: gradient {selection['gradient']!r} in a selection of {table}; "
                    "write table: gradients, or name an attack in its place"
                )
    return faults


def in_types_of(claims: Sequence[Mapping], dtypes: Mapping[str, str]) -> list[dict]:
    """The same claims, selections of attacks and gradients in the type of their run by default.

    Args:
        claims: As `check` wants them.
        dtypes: Type of each run.
    """
    found = copy.deepcopy(list(claims))
    for selection in (
        one
        for claim in found
        for condition in claim.get("test", ())
        for one in selections(condition)
        if one.get("table", "attacks") in ("attacks", "gradients", "restarts")
    ):
        for one in (selection, selection.get("epsilon_where", {})):
            if one.get("run") in dtypes:
                one.setdefault("dtype", dtypes[one["run"]])
    return found


def selections(condition: Mapping) -> list[dict]:
    """The selections that a condition is made of."""
    return [
        condition[key]
        for key in ("select", "over", "less", "greater", "first", "second", "x", "y")
        if key in condition
    ]
