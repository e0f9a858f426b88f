"""The conditions that claims are tested by, and the statistics behind the verdict on each.

A condition is of one of the kinds of `KINDS`; the rules of its verdict stand at each.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from mirage.reporting.selections import Missing, rows, select, spread
from mirage.study.sentences import named

REPRODUCED = "reproduced"
CAVEAT = "reproduced with a caveat"
NOT_REPRODUCED = "not reproduced"
NOT_TESTABLE = "not testable here"
NO_DATA = "no data"
VERDICTS = (REPRODUCED, CAVEAT, NOT_REPRODUCED, NOT_TESTABLE, NO_DATA)

# Probability of an error of the first kind in every test; intervals are of 1 - ALPHA.
ALPHA = 0.05


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


# --- Statistics ----------------------------------------------------------------------------------


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
    for key in ("quantity", "item"):
        if key in condition:
            points = points[points[key] == condition[key]]
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
    if pd.isna(point["item"]):
        return {**chosen, "column": point["quantity"]}
    keep = {key: chosen[key] for key in ("run", "epoch") if key in chosen}
    return {**keep, "table": "measures", "measure": point["quantity"], "item": point["item"]}


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
