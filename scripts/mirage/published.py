"""Published claims and the verdict on each: a ledger computed from the tables of a run.

A claim is data (resources/published/claims.yaml): what a source says, where, and how it is tested.
A test is a list of conditions, each of one of the eight kinds of `KINDS`; all must hold. Every
verdict is computed from the rows of a run, by the rules that stand at each kind:

- *reproduced*: the condition holds, and the spread over seeds allows no doubt of it;
- *reproduced with a caveat*: it holds in the mean, but one seed, or a spread as large as the
  effect, cannot rule out chance; or the claim names a caveat of its own;
- *not reproduced*: it does not hold in the mean;
- *not testable here*: data for it cannot exist here, whatever is run;
- *no data*: the run lacks rows that the test looks for; the reason says which.

The second verdict repeats the test with the exact-sign gradient in the place of the masked one
(`exact` in claims.yaml): does the conclusion survive when the attack is not masked?
"""

import html
import math
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy import stats

from mirage.schemas import Validator, named, sentences

REPRODUCED = "reproduced"
CAVEAT = "reproduced with a caveat"
NOT_REPRODUCED = "not reproduced"
NOT_TESTABLE = "not testable here"
NO_DATA = "no data"
VERDICTS = (REPRODUCED, CAVEAT, NOT_REPRODUCED, NOT_TESTABLE, NO_DATA)

# Probability of an error of the first kind in every test; intervals are of 1 - ALPHA.
ALPHA = 0.05

# The data set that the published values were measured on.
PUBLISHED_FOR = "mnist"

# What a selection means where it names nothing else.
DEFAULTS = {
    "attacks": {"split": "test", "dtype": "float32", "defence": "bare", "column": "accuracy"},
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

COLUMNS = [
    *["id", "source", "place", "claim", "published", "quantity", "measured", "spread", "seeds"],
    *["test", "p_value", "interval_low", "interval_high", "verdict", "reason"],
    *["exact_measured", "exact_spread", "exact_seeds", "exact_p_value", "exact_verdict"],
    *["exact_reason", "figure", "note"],
]


class ClaimsError(ValueError):
    """Claims that cannot be read; the message lists every fault found."""


class Missing(Exception):  # noqa: N818 - it is no error: the run lacks rows, and the ledger says so
    """Rows that a test looks for are not there; the message says which."""


@dataclass(frozen=True)
class Outcome:
    """The verdict on one condition, and what it rests on; NaN where there is no such number."""

    verdict: str
    reason: str
    mean: float = math.nan
    sd: float = math.nan
    seeds: int = 0
    p_value: float = math.nan
    low: float = math.nan
    high: float = math.nan


# --- Claims ---------------------------------------------------------------------------------------


def read(path: Path | str, schema_file: Path | str, series: Collection[str] = ()) -> dict:
    """Read claims and check them.

    Args:
        path: resources/published/claims.yaml.
        schema_file: schemas/claims.schema.yaml.
        series: Names of the published series.

    Returns:
        `exact`, a mapping of attacks to those that replace them in the second verdict, and
        `claims`, a list.

    Raises:
        ClaimsError: The file is not as the schema wants it, an identifier stands twice or does
            not begin with its source, a claim has both or none of `test` and `not_testable`, or
            names a series that is not published.
    """
    content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    schema = yaml.safe_load(Path(schema_file).read_text(encoding="utf-8"))
    found = sorted(
        Validator(schema).iter_errors(content), key=lambda fault: list(map(str, fault.path))
    )
    faults = [sentence for fault in found for sentence in sentences(fault)]
    if not faults:
        faults = [fault for claim in content["claims"] for fault in _faults(claim, series)]
        ids = [claim["id"] for claim in content["claims"]]
        faults += [f"{name}: this id stands twice" for name in {i for i in ids if ids.count(i) > 1}]
    if faults:
        raise ClaimsError(f"{path} cannot be used:\n  - " + "\n  - ".join(faults))
    return content


def _faults(claim: Mapping, series: Collection[str]) -> list[str]:
    faults = []
    if not claim["id"].startswith(claim["source"] + "-"):
        faults.append(f"{claim['id']}: the id must begin with its source {claim['source']!r}")
    if ("test" in claim) == ("not_testable" in claim):
        faults.append(f"{claim['id']}: it needs either 'test' or 'not_testable'")
    for condition in claim.get("test", ()):
        if condition["kind"] == "series" and condition["series"] not in series:
            faults.append(
                f"{claim['id']}: there is no series {condition['series']!r}; "
                f"there are {named(sorted(series))}"
            )
    return faults


def selections(condition: Mapping) -> list[dict]:
    """The selections that a condition is made of."""
    return [
        condition[key]
        for key in ("select", "less", "greater", "first", "second", "x", "y")
        if key in condition
    ]


# --- Selections -----------------------------------------------------------------------------------


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
        if key not in wanted or (key == "defence" and wanted[key] == "bare" and key not in table):
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


# --- Statistics -----------------------------------------------------------------------------------


def p_text(p_value: float) -> str:
    """A p-value as text; a very small one is no number to rely on."""
    return "p < 0.0001" if p_value < 1e-4 else f"p = {p_value:.2g}"


def prediction(values: np.ndarray) -> tuple[float, float]:
    """Prediction interval of one more seed: mean ± t * sd * sqrt(1 + 1/n), of 1 - ALPHA.

    A published number is the outcome of a run of its own, not the mean of ours: so it is held
    against where one more run would fall, not against the interval of the mean.
    """
    n = len(values)
    if n < 2:
        return math.nan, math.nan
    half = stats.t.ppf(1 - ALPHA / 2, n - 1) * values.std(ddof=1) * math.sqrt(1 + 1 / n)
    return values.mean() - half, values.mean() + half


def difference(
    more: pd.Series, less: pd.Series, paired: bool, level: float = 1 - ALPHA
) -> tuple[float, float, float, float]:
    """Difference of two means over seeds.

    Args:
        more, less: Values by seed.
        paired: The same networks are behind both, so that a seed's two values belong together
            (paired t-test on the common seeds); else Welch's t-test.
        level: Of the two-sided interval.

    Returns:
        Mean difference more - less, p-value of the one-sided test that it is positive, lower
        and upper end of its interval; NaN where there are fewer than two seeds.
    """
    if paired:
        samples = [(more - less).dropna()]
        mean = samples[0].mean()
    else:
        samples = [more, less]
        mean = more.mean() - less.mean()
    if min(map(len, samples)) < 2:
        return mean, math.nan, math.nan, math.nan
    errors = [sample.var() / len(sample) for sample in samples]
    error = math.sqrt(sum(errors))
    # Equal but for the last bits, such as 0.3 - 0.2 and 0.4 - 0.3: no spread to test with.
    if error < 1e-12:
        return mean, float(mean <= 0), mean, mean
    # Welch and Satterthwaite; of one sample it is its n - 1.
    freedom = error**4 / sum(e**2 / (len(s) - 1) for e, s in zip(errors, samples, strict=True))
    half = stats.t.ppf((1 + level) / 2, freedom) * error
    return mean, float(stats.t.sf(mean / error, freedom)), mean - half, mean + half


def positive(values: pd.Series) -> tuple[float, float, float, float]:
    """Like `difference`, of values by seed from zero."""
    return difference(values, values * 0.0, paired=True)


def _paired(first: Mapping, second: Mapping) -> bool:
    """Whether two selections are of the same networks."""
    return first["run"] == second["run"]


def _spread(more: pd.Series, less: pd.Series, paired: bool) -> float:
    """Standard deviation of the difference of a seed of one and a seed of the other."""
    return (more - less).std() if paired else math.hypot(more.std(), less.std())


def _described(values: pd.Series) -> dict[str, float]:
    """Mean, standard deviation and number of seeds, as an outcome holds them."""
    return {"mean": values.mean(), "sd": values.std(), "seeds": len(values)}


def _certain(holds: bool, p_value: float, seeds: int) -> tuple[str, str]:
    """The verdict where a condition holds in the mean, or does not, and why a caveat."""
    if not holds:
        return NOT_REPRODUCED, ""
    if seeds < 2:
        return CAVEAT, "; one seed only"
    if not p_value < ALPHA:
        return CAVEAT, f"; not beyond chance ({p_text(p_value)})"
    return REPRODUCED, ""


# --- The kinds of conditions ----------------------------------------------------------------------
# Each takes the tables and a condition and gives an Outcome, or raises Missing.


def value(tables: Mapping, condition: Mapping) -> Outcome:
    """A mean is the published number.

    |mean - published| <= tolerance: reproduced (with a caveat if there is one seed). Else, if the
    published number lies in the prediction interval of one more seed: with a caveat. Else not
    reproduced. p-value: of the published number being one more seed (t-test, two-sided).
    """
    found = select(tables, condition["select"])
    values, published = found.per_seed, condition["published"]
    tolerance, n = condition["tolerance"], len(values)
    low, high = prediction(values.to_numpy())
    away = abs(values.mean() - published)
    p_value = math.nan
    if n > 1 and values.std() > 0:
        p_value = 2 * stats.t.sf(away / (values.std() * math.sqrt(1 + 1 / n)), n - 1)
    reason = f"measured {found} against {published:g} ± {tolerance:g}"
    # Rounding of a sum is no reason to refuse a difference that is the tolerance itself.
    if away <= tolerance * (1 + 1e-9):
        verdict, why = (REPRODUCED, "") if n > 1 else (CAVEAT, "; one seed only")
    elif low <= published <= high:
        verdict = CAVEAT
        why = f"; outside the tolerance, but one more seed may fall in {low:.3g} to {high:.3g}"
    else:
        verdict, why = NOT_REPRODUCED, ""
    return Outcome(verdict, reason + why, **_described(values), p_value=p_value, low=low, high=high)


def order(tables: Mapping, condition: Mapping) -> Outcome:
    """A mean is greater than another, by a difference `by` or a `factor` at least.

    greater - factor * less > by in the mean, and beyond chance (one-sided t-test over seeds,
    paired if both are of the same run, else Welch's): reproduced. In the mean only, or one seed:
    with a caveat. Else not reproduced. Mean, spread and interval are those of the difference
    greater - factor * less.
    """
    less, greater = select(tables, condition["less"]), select(tables, condition["greater"])
    by, factor = condition.get("by", 0), condition.get("factor", 1)
    paired = _paired(condition["less"], condition["greater"])
    more, other = greater.per_seed, factor * less.per_seed
    mean, _, low, high = difference(more, other, paired)
    _, p_value, _, _ = difference(more - by, other, paired)
    seeds = min(len(more), len(other))
    verdict, why = _certain(mean > by, p_value, seeds)
    asked = (f" {factor:g} times" if factor != 1 else "") + (f" by {by:g}" if by else "")
    reason = f"{greater} {'is' if mean > by else 'is not'} above {less}{asked}{why}"
    return Outcome(verdict, reason, mean, _spread(more, other, paired), seeds, p_value, low, high)


def trend(tables: Mapping, condition: Mapping) -> Outcome:
    """A value rises, or falls, over epochs.

    Kendall's tau of each seed between epoch and value. All seeds have the claimed sign and the
    mean has it beyond chance (one-sided t-test over seeds): reproduced. The mean has the sign,
    but not all seeds, or not beyond chance, or there is one seed: with a caveat. Else, or where
    the mean changes by less than `by` from the first epoch to the last: not reproduced. The mean,
    spread and interval are those of tau, signed as measured.
    """
    curves = select(tables, {"epoch": "all", **condition["select"]}).epochs
    if curves.shape[1] < 3:
        raise Missing(f"a trend needs three epochs; there are {named(curves.columns)}")
    taus = curves.apply(lambda curve: _association(stats.kendalltau, curve.index, curve), axis=1)
    ends = curves.mean().iloc[[0, -1]]
    reason = (
        f"from {ends.iloc[0]:.3g} at epoch {ends.index[0]} to {ends.iloc[1]:.3g} at epoch "
        f"{ends.index[1]}, tau {spread(taus)}"
    )
    sign = 1 if condition["sign"] == "rising" else -1
    found, by = _signed(taus, sign, reason), condition.get("by", 0)
    if by and sign * (ends.iloc[1] - ends.iloc[0]) < by:
        return replace(found, verdict=NOT_REPRODUCED, reason=f"{reason}; less than {by:g}")
    return found


def correlation(tables: Mapping, condition: Mapping) -> Outcome:
    """Two values go together over epochs, or against one another.

    Spearman's rho of each seed over the epochs that both have; `at_least` asks for a size of it.
    Verdicts as for a trend.
    """
    first, second = (
        select(tables, {"epoch": "all", **condition[key]}).epochs for key in ("x", "y")
    )
    seeds = first.index.intersection(second.index)
    epochs = first.columns.intersection(second.columns)
    if len(epochs) < 3 or seeds.empty:
        raise Missing(f"a correlation needs three common epochs; there are {named(epochs)}")
    rhos = pd.Series(
        {
            seed: _association(stats.spearmanr, first.loc[seed, epochs], second.loc[seed, epochs])
            for seed in seeds
        }
    )
    sign = 1 if condition["sign"] == "positive" else -1
    reason = f"rho {spread(rhos)} over {len(epochs)} epochs"
    return _signed(rhos, sign, reason, condition.get("at_least", 0))


def _association(test: Callable, x: Sequence, y: Sequence) -> float:
    """A rank correlation; 0 of a constant, which goes with nothing."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    known = ~(np.isnan(x) | np.isnan(y))
    x, y = x[known], y[known]
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    # Rounded, so that seeds of the same order have the same value to the last bit.
    return round(float(test(x, y).statistic), 12)


def _signed(found: pd.Series, sign: int, reason: str, at_least: float = 0) -> Outcome:
    """The verdict on rank correlations of seeds, of which a sign and a size is claimed."""
    mean, p_value, *_ = positive(sign * found - at_least)
    verdict, why = _certain(mean > 0, p_value, len(found))
    against = int((sign * found <= 0).sum())
    if verdict == REPRODUCED and against:
        verdict, why = CAVEAT, f"; {against} of {len(found)} seeds go the other way"
    _, _, low, high = positive(found)
    return Outcome(verdict, reason + why, **_described(found), p_value=p_value, low=low, high=high)


def equality(tables: Mapping, condition: Mapping) -> Outcome:
    """Two means differ by no more than a tolerance, at each epoch.

    At the epoch where they differ most: the 1 - 2 * ALPHA interval of the difference lies within
    the tolerance (two one-sided tests, Schuirmann 1987): reproduced. The difference does, but not
    the interval, or there is one seed: with a caveat. Else not reproduced. The p-value is the
    larger one of the two tests; mean and spread are those of the difference second - first.
    """
    first, second = (select(tables, condition[key]) for key in ("first", "second"))
    tolerance = condition["tolerance"]
    paired = _paired(condition["first"], condition["second"])
    a, b = first.epochs, second.epochs
    if a.shape[1] != b.shape[1] or a.shape[1] == 1:
        # Each at its own epoch (or on the mean of its epochs): one comparison.
        pairs = [(first.per_seed, second.per_seed)]
    else:
        pairs = [(a.iloc[:, number], b.iloc[:, number]) for number in range(a.shape[1])]
    one, other = max(pairs, key=lambda pair: abs(pair[1].mean() - pair[0].mean()))
    mean, _, low, high = difference(other, one, paired, 1 - 2 * ALPHA)
    _, above, _, _ = difference(other + tolerance, one, paired)
    _, below, _, _ = difference(one + tolerance, other, paired)
    p_value = max(above, below) if not math.isnan(above) else math.nan
    seeds = min(len(one), len(other))
    holds = abs(mean) <= tolerance * (1 + 1e-9)
    verdict, why = _certain(holds, p_value, seeds)
    most = " where they differ most" if len(pairs) > 1 else ""
    reason = (
        f"{spread(other)} and {spread(one)}{most} differ by {mean:.3g} against a tolerance of "
        f"{tolerance:g}{why}"
    )
    return Outcome(verdict, reason, mean, _spread(other, one, paired), seeds, p_value, low, high)


def minimum(tables: Mapping, condition: Mapping) -> Outcome:
    """A value has its minimum at or before an epoch and rises afterwards.

    For each seed: the epoch of the least value is not after `at_or_before`, and the last value is
    above it. In all seeds: reproduced (with a caveat if there is one seed); in more than half:
    with a caveat; else not reproduced. Mean and spread are those of the epoch of the minimum.
    """
    curves = select(tables, {"epoch": "all", **condition["select"]}).epochs
    lowest = curves.idxmin(axis="columns").astype(float)
    rises = curves.iloc[:, -1] > curves.min(axis="columns")
    holding = int(((lowest <= condition["at_or_before"]) & rises).sum())
    n = len(curves)
    reason = (
        f"least {curves.min(axis='columns').mean():.3g} at epoch {spread(lowest)}, "
        f"{curves.iloc[:, -1].mean():.3g} at epoch {curves.columns[-1]}; "
        f"as claimed in {holding} of {n} seeds"
    )
    if 2 * holding <= n:
        verdict = NOT_REPRODUCED
    else:
        verdict = REPRODUCED if holding == n and n > 1 else CAVEAT
    return Outcome(verdict, reason, **_described(lowest))


def series(tables: Mapping, condition: Mapping) -> Outcome:
    """A published curve, point by point.

    Root mean square of mean - published over the points <= tolerance: reproduced (with a caveat
    if there is one seed). Else, if every published point lies in the prediction interval of one
    more seed: with a caveat. Else not reproduced. The mean shown is the root mean square, the
    interval the least and the largest difference.
    """
    points = tables["series"]
    points = points[points["series"] == condition["series"]]
    if "quantity" in condition:
        points = points[points["quantity"] == condition["quantity"]]
    if points.empty:
        raise Missing(f"the published series {condition['series']} has no such points")
    away, inside, seeds = [], [], []
    for point in points.to_dict("records"):
        values = select(tables, _at_point(condition["select"], point)).per_seed.to_numpy()
        low, high = prediction(values)
        away.append(values.mean() - point["value"])
        inside.append(low <= point["value"] <= high)
        seeds.append(len(values))
    away = np.array(away)
    rms, tolerance = math.sqrt((away**2).mean()), condition["tolerance"]
    reason = (
        f"root mean square difference {rms:.3g} over {len(away)} points against {tolerance:g}, "
        f"largest {away[np.abs(away).argmax()]:+.3g}"
    )
    if rms <= tolerance * (1 + 1e-9):
        verdict, why = (REPRODUCED, "") if min(seeds) > 1 else (CAVEAT, "; one seed only")
    elif all(inside):
        verdict, why = CAVEAT, "; each published point may be that of one more seed"
    else:
        verdict, why = NOT_REPRODUCED, ""
    return Outcome(verdict, reason + why, rms, seeds=min(seeds), low=away.min(), high=away.max())


def _at_point(selection: Mapping, point: Mapping) -> dict:
    """The selection of one published point."""
    chosen = dict(selection)
    for key in ("epoch", "epsilon", "split"):
        if pd.notna(point[key]):
            chosen[key] = int(point[key]) if key == "epoch" else point[key]
    quantity = point["quantity"]
    if ":" in quantity:
        measure, item = quantity.split(":")
        keep = {key: chosen[key] for key in ("run", "epoch") if key in chosen}
        return {**keep, "table": "measures", "measure": measure, "item": item}
    return {**chosen, "column": quantity}


def concentration(tables: Mapping, condition: Mapping) -> Outcome:
    """Restarts end in losses close to one another.

    For each image the standard deviation of the final losses over restarts as a share of their
    mean, the median of that over images, the mean over seeds: at most `at_most`, beyond chance
    (one-sided t-test over seeds): reproduced; in the mean only, or one seed: with a caveat; else
    not reproduced.
    """
    table, _ = rows(tables, {**condition["select"], "table": "restarts"})
    finals = table.groupby(["seed", "epoch", "image"])["loss"]
    if finals.size().max() < 2:
        raise Missing(f"run {condition['select']['run']} has one restart only")
    shares = (finals.std() / finals.mean().abs()).groupby("seed").median()
    mean, p_value, *_ = positive(condition["at_most"] - shares)
    verdict, why = _certain(mean >= 0, p_value, len(shares))
    low, high = positive(shares)[2:]
    reason = (
        f"the final losses of an image spread by {spread(shares)} of their mean over "
        f"{int(finals.size().median())} restarts, against {condition['at_most']:g}{why}"
    )
    return Outcome(verdict, reason, **_described(shares), p_value=p_value, low=low, high=high)


# The function, the test's name and what its mean, spread and interval are of.
KINDS: dict[str, tuple[Callable[[Mapping, Mapping], Outcome], str, str]] = {
    "value": (value, "value within a tolerance", "mean"),
    "order": (order, "order of two means, t-test", "difference"),
    "trend": (trend, "trend over epochs, Kendall's tau", "tau"),
    "equality": (equality, "equality, two one-sided t-tests", "difference"),
    "minimum": (minimum, "place of a minimum", "epoch of the minimum"),
    "correlation": (correlation, "correlation over epochs, Spearman's rho", "rho"),
    "series": (series, "published curve", "root mean square difference"),
    "concentration": (concentration, "spread over restarts", "share of the mean"),
}
# These hold a published number against a measured one.
OF_NUMBERS = ("value", "series")


# --- Verdicts -------------------------------------------------------------------------------------


def judge(tables: Mapping, conditions: Sequence[Mapping], caveat: str | None = None) -> Outcome:
    """The verdict on conditions that must all hold.

    The worst of theirs, in this order: not reproduced, no data, with a caveat, reproduced. The
    p-value is the largest (an intersection-union test: the weakest link decides), mean, spread and
    interval are the first condition's; reasons are those of the conditions that decide.

    Args:
        tables: attacks, measures, history, restarts and series; those there are.
        conditions: As in claims.yaml.
        caveat: Why a success proves little; it makes `reproduced` `reproduced with a caveat`.
    """
    outcomes = []
    for condition in conditions:
        try:
            outcomes.append(KINDS[condition["kind"]][0](tables, condition))
        except Missing as missing:
            outcomes.append(Outcome(NO_DATA, str(missing)))
    found = [outcome.verdict for outcome in outcomes]
    verdict = next(v for v in (NOT_REPRODUCED, NO_DATA, CAVEAT, REPRODUCED) if v in found)
    deciding = [outcome.reason for outcome in outcomes if outcome.verdict == verdict]
    reason = "; ".join(dict.fromkeys(deciding))
    if len(deciding) < len(outcomes):
        reason = f"{len(deciding)} of {len(outcomes)} conditions: {reason}"
    if caveat and verdict in (REPRODUCED, CAVEAT):
        verdict, reason = CAVEAT, f"{reason}; {caveat}"
    p_values = [outcome.p_value for outcome in outcomes if not math.isnan(outcome.p_value)]
    if verdict == NO_DATA:
        return Outcome(NO_DATA, reason)
    return replace(
        outcomes[0],
        verdict=verdict,
        reason=reason,
        p_value=max(p_values) if len(p_values) == len(outcomes) else math.nan,
    )


def under_exact_sign(
    conditions: Sequence[Mapping], replaced: Mapping[str, str]
) -> tuple[list[dict], str]:
    """The same conditions with the exact-sign gradient in the place of a masked one.

    A selection's own `exact` goes before `replaced`; what is the same for every attack on a network
    (clean accuracy) stays as it is.

    Returns:
        The conditions, or an empty list and the reason if there is nothing to replace.
    """
    changed, attacks = [], []
    copies = [
        {key: dict(part) if isinstance(part, Mapping) else part for key, part in condition.items()}
        for condition in conditions
    ]
    for selection in (one for condition in copies for one in selections(condition)):
        attack = selection.get("attack")
        if attack is None or selection.get("column") == "clean_accuracy":
            continue
        attacks.append(attack)
        other = selection.pop("exact", replaced.get(attack))
        if other:
            selection["attack"] = other
            changed.append(attack)
    if changed:
        return copies, ""
    if not attacks:
        return [], "no attack"
    if set(attacks) & set(replaced.values()):
        return [], "tested with the exact-sign gradient already"
    return [], f"{named(dict.fromkeys(attacks))}: no gradient of a loss that could be masked"


def ledger(claims: Mapping, tables: Mapping[str, pd.DataFrame], dataset: str) -> pd.DataFrame:
    """Every claim with its verdicts.

    Args:
        claims: As `read` gives them.
        tables: Tables by name: attacks, measures, history, restarts (those there are) and series,
            the published points.
        dataset: What the tables were measured on. Published numbers are those of MNIST: on
            another data set they are not testable, while orders and trends are.

    Returns:
        A row for each claim, columns `COLUMNS`.
    """
    lines = []
    for claim in claims["claims"]:
        conditions = claim.get("test", [])
        plain, exact = _verdicts(claim, tables, dataset, claims["exact"])
        kinds = dict.fromkeys(KINDS[condition["kind"]][1] for condition in conditions)
        lines.append(
            {
                "id": claim["id"],
                "source": claim["source"],
                "place": claim["place"],
                "claim": claim["statement"],
                "published": claim.get("published", _published(conditions)),
                "quantity": KINDS[conditions[0]["kind"]][2] if conditions else "",
                "measured": plain.mean,
                "spread": plain.sd,
                "seeds": plain.seeds or None,
                "test": "; ".join(kinds),
                "p_value": plain.p_value,
                "interval_low": plain.low,
                "interval_high": plain.high,
                "verdict": plain.verdict,
                "reason": plain.reason,
                "exact_measured": exact.mean,
                "exact_spread": exact.sd,
                "exact_seeds": exact.seeds or None,
                "exact_p_value": exact.p_value,
                "exact_verdict": exact.verdict,
                "exact_reason": exact.reason,
                "figure": claim.get("figure", ""),
                "note": claim.get("note", ""),
            }
        )
    table = pd.DataFrame(lines, columns=COLUMNS)
    return table.astype({"seeds": "Int64", "exact_seeds": "Int64"})


def _verdicts(
    claim: Mapping, tables: Mapping, dataset: str, replaced: Mapping[str, str]
) -> tuple[Outcome, Outcome]:
    if "not_testable" in claim:
        return Outcome(NOT_TESTABLE, claim["not_testable"]), Outcome("", "")
    conditions = claim["test"]
    if dataset != PUBLISHED_FOR and any(one["kind"] in OF_NUMBERS for one in conditions):
        return Outcome(NOT_TESTABLE, "published for MNIST"), Outcome("", "")
    plain = judge(tables, conditions, claim.get("caveat"))
    if "no_exact" in claim:
        return plain, Outcome("", claim["no_exact"])
    others, why = under_exact_sign(conditions, replaced)
    return plain, judge(tables, others, claim.get("caveat")) if others else Outcome("", why)


def _published(conditions: Sequence[Mapping]) -> str:
    """The published numbers of a test, as text."""
    return ", ".join(
        f"{one['published']:g}" if one["kind"] == "value" else f"series {one['series']}"
        for one in conditions
        if one["kind"] in OF_NUMBERS
    )


def counts(table: pd.DataFrame) -> pd.DataFrame:
    """How many claims have which verdict: a row for each source and one for all of them."""
    found = pd.crosstab(table["source"], table["verdict"]).reindex(columns=VERDICTS, fill_value=0)
    found = found.loc[list(dict.fromkeys(table["source"]))]
    found.loc["all"] = found.sum()
    return found


# --- The ledger for people ------------------------------------------------------------------------

# Tints of the Okabe-Ito palette, told apart by people of any colour vision; the words stand too.
COLOURS = {
    REPRODUCED: "#bfe3d6",
    CAVEAT: "#f8eaa0",
    NOT_REPRODUCED: "#f3c3a5",
    NOT_TESTABLE: "#e3e3e3",
    NO_DATA: "#f4f4f4",
}

STYLE = """
.ledger { font: 14px/1.4 sans-serif; color: #111; background: #fff; max-width: none; }
.ledger table { border-collapse: collapse; width: 100%; margin: .5em 0; }
.ledger th, .ledger td { border: 1px solid #bbb; padding: .3em .5em; text-align: left;
  vertical-align: top; }
.ledger th { background: #eee; }
.ledger td.verdict { min-width: 8em; }
.ledger .small { font-size: 12px; color: #444; }
.ledger a { color: #0047ab; text-decoration: underline; }
.prose:has(.ledger) { max-width: min(90rem, 70vw); }
/* The report centres what it shows: of a page taller than the window the top would be cut off. */
.items-center:has(.ledger) { align-items: flex-start; }
"""

# In Snakemake's report a page is shown in a frame whose address is its own content: no link leads
# out of it. So a click hands the figure's name to the report around it, which shows the figure.
# The report listens because it holds this page a second time, on its first page
# (report/workflow.rst), where no <script> would run, but the `onload` of a <style> does. Opened on
# its own, the page's links are plain links to the files.
SCRIPT = """
(function () {
  if (window.ledgerIsReady) return;
  window.ledgerIsReady = true;
  const inReport = typeof app !== 'undefined' && typeof results !== 'undefined';
  function show(path) {
    if (!Object.hasOwn(results, path)) return;
    app.setView({navbarMode: 'resultinfo', resultPath: path, content: 'img',
      contentPath: results[path].data_uri});
  }
  if (inReport) window.addEventListener('message', function (message) {
    if (typeof message.data === 'string') show(message.data);
  });
  document.addEventListener('click', function (click) {
    const link = click.target.closest('a[data-figure]');
    if (!link || (!inReport && window.parent === window)) return;
    click.preventDefault();
    if (inReport) show(link.dataset.figure);
    else window.parent.postMessage(link.dataset.figure, '*');
  });
})();
"""


def _measured(line: Mapping, prefix: str = "") -> str:
    """Mean, spread and seeds of a line as text; empty where nothing was measured."""
    mean, sd, seeds = (line[f"{prefix}{name}"] for name in ("measured", "spread", "seeds"))
    if pd.isna(mean):
        return ""
    text = f"{mean:.4g}" + (f" ± {sd:.3g}" if pd.notna(sd) else "")
    return f"{line['quantity']} {text} ({seeds} {'seed' if seeds == 1 else 'seeds'})"


def _tested(line: Mapping) -> str:
    """The test's name with its p-value and interval."""
    parts = [line["test"]]
    if pd.notna(line["p_value"]):
        parts.append(p_text(line["p_value"]))
    if pd.notna(line["interval_low"]):
        parts.append(f"[{line['interval_low']:.3g}, {line['interval_high']:.3g}]")
    return ", ".join(filter(None, parts))


def markdown(table: pd.DataFrame) -> str:
    """The ledger as a Markdown table, with the number of each verdict by source at its end."""
    shown_lines = []
    for line in table.to_dict("records"):
        shown_lines.append(
            {
                "id": line["id"],
                "place": f"{line['source']}, {line['place']}",
                "claim": line["claim"],
                "published": line["published"],
                "measured": _measured(line),
                "test": _tested(line),
                "verdict": f"**{line['verdict']}**",
                "reason": _sentence(line["reason"], line["note"]),
                "under the exact sign": _sentence(
                    f"**{line['exact_verdict']}**" if line["exact_verdict"] else "",
                    line["exact_reason"],
                ),
            }
        )
    text = pd.DataFrame(shown_lines).replace(r"\|", r"\\|", regex=True)
    totals = counts(table)
    summary = [
        f"{source}: " + ", ".join(f"{n} {verdict}" for verdict, n in line.items() if n)
        for source, line in totals.iterrows()
    ]
    return (
        text.to_markdown(index=False, disable_numparse=True)
        + "\n\n"
        + "\n".join(f"- {line}" for line in summary)
        + "\n"
    )


def _sentence(*parts: str) -> str:
    return ". ".join(filter(None, parts))


def page(table: pd.DataFrame, figures: Mapping[str, str], folder: Path | str) -> str:
    """The ledger as an HTML page that needs no other file.

    Claims that were not tested are folded together below the others.

    Args:
        table: As `ledger` gives it.
        figures: Paths of the figures that this run draws, by name, as the report knows them.
        folder: Where the page will lie; links to figures are relative to it.
    """
    folded = {
        NOT_TESTABLE: "claims are not testable here",
        NO_DATA: "claims ask for data that this run lacks",
    }
    parts = [
        _summary(table),
        _lines(table[~table["verdict"].isin(list(folded))], figures, folder),
    ]
    for verdict, text in folded.items():
        hidden = table[table["verdict"] == verdict]
        if len(hidden):
            parts.append(
                f"<details><summary>{len(hidden)} {text}</summary>"
                f"{_lines(hidden, figures, folder)}</details>"
            )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Claims</title></head>'
        f'<body>\n<style onload="{html.escape(SCRIPT)}">{STYLE}</style>\n'
        '<div class="ledger">\n' + "\n".join(parts) + "\n</div>\n</body></html>\n"
    )


def _summary(table: pd.DataFrame) -> str:
    """A table of how many claims of which source have which verdict."""
    totals = counts(table)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in ("source", *totals.columns))
    body = "".join(
        f"<tr><th>{html.escape(source)}</th>"
        + "".join(
            f'<td style="background: {COLOURS[verdict]}">{n}</td>' for verdict, n in line.items()
        )
        + "</tr>"
        for source, line in totals.iterrows()
    )
    return f'<table class="counts"><tr>{head}</tr>{body}</table>'


def _lines(table: pd.DataFrame, figures: Mapping[str, str], folder: Path | str) -> str:
    """Claims as rows of an HTML table."""
    head = (
        "claim",
        "statement",
        "published",
        "measured",
        "verdict",
        "under the exact sign",
        "test",
    )
    cells = []
    for line in table.to_dict("records"):
        path = figures.get(line["figure"])
        name = html.escape(line["id"])
        if path:
            target = html.escape(Path(os.path.relpath(path, folder)).as_posix())
            name = f'<a href="{target}" data-figure="{html.escape(path)}">{name}</a>'
        where = html.escape(f"{line['source']}, {line['place']}")
        note = f'<p class="small">{html.escape(line["note"])}</p>' if line["note"] else ""
        cells.append(
            f'<tr id="{html.escape(line["id"])}"><td>{name}<br><span class="small">{where}</span>'
            f"</td><td>{html.escape(line['claim'])}{note}</td>"
            f"<td>{html.escape(line['published'])}</td><td>{html.escape(_measured(line))}</td>"
            + _verdict(line["verdict"], line["reason"])
            + _verdict(line["exact_verdict"], line["exact_reason"])
            + f'<td class="small">{html.escape(_tested(line))}</td></tr>'
        )
    return (
        "<table><tr>"
        + "".join(f"<th>{name}</th>" for name in head)
        + "</tr>\n"
        + "\n".join(cells)
        + "</table>"
    )


def _verdict(verdict: str, reason: str) -> str:
    colour = COLOURS.get(verdict, "#fff")
    return (
        f'<td class="verdict" style="background: {colour}"><b>{html.escape(verdict)}</b>'
        f'<br><span class="small">{html.escape(reason)}</span></td>'
    )
