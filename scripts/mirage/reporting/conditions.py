"""The conditions that claims are tested by.

A condition is of one of the kinds of `KINDS`. Each says which number of each seed must lie between
which bounds; `mirage.reporting.verdicts` has the rule from there to the verdict.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from mirage.reporting.rows import Missing
from mirage.reporting.selections import Measured, rows, select, spread
from mirage.reporting.verdicts import (
    MEASURED,
    UNDECIDED,
    Estimate,
    closed,
    correlated,
    distance,
    over_seeds,
    whole,
)
from mirage.study.sentences import named

FEWEST = 4  # seeds that a correlation over seeds needs: of three its interval is everything


@dataclass(frozen=True)
class Outcome:
    """The verdict on one condition, and what it rests on; NaN or 0 where there is no such number.

    `images` is how many images it is of, and `image_error` the part of the interval's half width
    that comes from them where they are a sample.
    """

    verdict: str
    reason: str
    mean: float = math.nan
    sd: float = math.nan
    seeds: int = 0
    p_value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    images: int = 0
    image_error: float = 0.0


def _outcome(
    found: Estimate,
    reason: str,
    seeds: int,
    sd: float = math.nan,
    images: int = 0,
    image_error: float = 0.0,
) -> Outcome:
    """An outcome; of doubt the reason says where it comes from."""
    verdict, low, high = str(found.verdict), float(found.low), float(found.high)
    if verdict == UNDECIDED:
        doubt = (
            "one seed only" if seeds < 2 else f"the interval {low:.3g} to {high:.3g} allows both"
        )
        if image_error:
            doubt += f", of which {images:,} images alone leave ± {image_error:.2g}"
        reason = f"{reason}; {doubt}"
    numbers = (float(found.mean), sd, seeds, float(found.p_value), low, high)
    return Outcome(verdict, reason, *numbers, images, image_error)


def _images(*measured: Measured) -> int:
    """The least number of images that is known."""
    return min((one.images for one in measured if one.images), default=0)


def _difference(
    more: pd.Series, less: pd.Series, paired: bool, **bounds: float
) -> tuple[Estimate, float, int]:
    """A difference of two means by seed: the estimate, its spread and the number of seeds.

    Paired where the same networks are behind both, so that a seed's two values belong together.
    """
    if paired:
        both = (more - less).dropna()
        if both.empty:
            raise Missing("no seed has both values")
        return over_seeds(both, **bounds), both.std(), len(both)
    found = over_seeds(more, less, **bounds)
    return found, math.hypot(more.std(), less.std()), min(len(more), len(less))


def _paired(first: Mapping, second: Mapping) -> bool:
    """Whether two selections are of the same networks."""
    return first["run"] == second["run"]


# --- The kinds of conditions ----------------------------------------------------------------------
# Each takes the tables and a condition and gives an Outcome, or raises Missing.


def value(tables: Mapping, condition: Mapping) -> Outcome:
    """A mean, or with `over` a mean ratio, is within the tolerance of the published number."""
    found = select(tables, condition["select"])
    values, published, tolerance = found.per_seed, condition["published"], condition["tolerance"]
    measured, error = str(found), found.error
    if "over" in condition:
        divisor = select(tables, condition["over"])
        error /= divisor.per_seed.mean()
        values = (values / divisor.per_seed).dropna()
        if values.empty:
            raise Missing("no seed has both values")
        measured = f"{found} over {divisor}: {spread(values)}"
    margin = closed(tolerance)
    estimate = over_seeds(values, above=published - margin, below=published + margin, error=error)
    reason = f"measured {measured} against {published:g} ± {tolerance:g}"
    return _outcome(estimate, reason, len(values), values.std(), found.images, error)


def measurement(tables: Mapping, condition: Mapping) -> Outcome:
    """A mean that nothing published can be held against."""
    found = select(tables, condition["select"])
    values = found.per_seed
    numbers = {"images": found.images, "image_error": found.error}
    return Outcome(
        MEASURED, f"measured {found}", values.mean(), values.std(), len(values), **numbers
    )


def order(tables: Mapping, condition: Mapping) -> Outcome:
    """greater - factor * less is above `by`, which is 0 where nothing is said; it may be below.

    The t-test is paired if both are of the same run, else Welch's. The errors of their images are
    taken for independent. Of the same images they are smaller: what misleads one mostly misleads
    the other.
    """
    less, greater = select(tables, condition["less"]), select(tables, condition["greater"])
    by, factor = condition.get("by", 0), condition.get("factor", 1)
    paired = _paired(condition["less"], condition["greater"])
    error = math.hypot(greater.error, factor * less.error)
    found, sd, seeds = _difference(
        greater.per_seed, factor * less.per_seed, paired, above=by, error=error
    )
    asked = (f" {factor:g} times" if factor != 1 else "") + (f" by {by:g}" if by > 0 else "")
    asked += f" less {-by:g}" if by < 0 else ""
    reason = f"{greater} {'is' if found.mean > by else 'is not'} above {less}{asked}"
    return _outcome(found, reason, seeds, sd, _images(greater, less), error)


def trend(tables: Mapping, condition: Mapping) -> Outcome:
    """A value rises, or falls, over epochs.

    Kendall's tau of each seed between epoch and value is above 0, or below; with `by`, the change
    from the first epoch to the last is that large as well. Mean, spread and interval are those of
    tau, signed as measured.
    """
    found = select(tables, {"epoch": "all", **condition["select"]})
    curves, images = found.epochs, found.images
    if curves.shape[1] < 3:
        raise Missing(f"a trend needs three epochs; there are {named(curves.columns)}")
    taus = curves.apply(lambda curve: association(stats.kendalltau, curve.index, curve), axis=1)
    first, last = curves.columns[0], curves.columns[-1]
    ends = curves.mean()
    reason = (
        f"from {ends[first]:.3g} at epoch {first} to {ends[last]:.3g} at epoch {last}, "
        f"tau {spread(taus)}"
    )
    rising, by = condition["sign"] == "rising", condition.get("by", 0)
    parts = [_outcome(_beyond(taus, rising, 0), reason, len(taus), taus.std(), images)]
    if by:
        error = math.sqrt(2) * found.error
        change = _beyond((curves[last] - curves[first]).dropna(), rising, by, error)
        asked = f"{reason}, a change of {by:g} asked for"
        parts.append(_outcome(change, asked, len(taus), images=images, image_error=error))
    return _of_parts(parts, parts[0])


def _beyond(values: pd.Series, positive: bool, size: float, error: float = 0.0) -> Estimate:
    """Whether a mean is above a size, or below its negative."""
    return over_seeds(values, error=error, **({"above": size} if positive else {"below": -size}))


def _of_parts(parts: Sequence[Outcome], shown: Outcome) -> Outcome:
    """The outcome of parts that must all hold: one's numbers, the reason of what decides."""
    verdict = whole([part.verdict for part in parts])
    reason = next(part.reason for part in parts if part.verdict == verdict)
    # Only the largest of all p-values says that each part holds; max() may lose a NaN.
    p_value = float(np.max([part.p_value for part in parts]))
    return replace(shown, verdict=verdict, reason=reason, p_value=p_value)


def correlation(tables: Mapping, condition: Mapping) -> Outcome:
    """Two values go together over epochs, or against one another.

    Spearman's rho of each seed over the epochs that both have is above `at_least`, or below its
    negative. With `across: seeds` it is Pearson's r over the seeds of both, at the last epoch.
    """
    if condition.get("across") == "seeds":
        return _over_seeds(tables, condition)
    x, y = (select(tables, {"epoch": "all", **condition[key]}) for key in ("x", "y"))
    first, second = x.epochs, y.epochs
    seeds = first.index.intersection(second.index)
    epochs = first.columns.intersection(second.columns)
    if len(epochs) < 3 or seeds.empty:
        raise Missing(f"a correlation needs three common epochs; there are {named(epochs)}")
    rhos = pd.Series(
        {
            seed: association(stats.spearmanr, first.loc[seed, epochs], second.loc[seed, epochs])
            for seed in seeds
        }
    )
    found = _beyond(rhos, condition["sign"] == "positive", condition.get("at_least", 0))
    reason = f"rho {spread(rhos)} over {len(epochs)} epochs"
    return _outcome(found, reason, len(rhos), rhos.std(), _images(x, y))


def _over_seeds(tables: Mapping, condition: Mapping) -> Outcome:
    """Whether the seeds with the larger value of one have the larger, or smaller, of the other."""
    x, y = (select(tables, condition[key]) for key in ("x", "y"))
    pairs = pd.concat([x.per_seed, y.per_seed], axis="columns", join="inner").dropna()
    if len(pairs) < FEWEST:
        raise Missing(f"a correlation over seeds needs {FEWEST}; there are {len(pairs)}")
    size = condition.get("at_least", 0.0)
    bound = {"above": size} if condition["sign"] == "positive" else {"below": -size}
    found = correlated(*pairs.to_numpy().T, **bound)
    reason = f"r {found.mean:.3g} over {len(pairs)} seeds, {x} and {y}"
    return _outcome(found, reason, len(pairs), images=_images(x, y))


def association(test: Callable, x: Sequence, y: Sequence) -> float:
    """A rank correlation; 0 of a constant, which goes with nothing."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    known = ~(np.isnan(x) | np.isnan(y))
    x, y = x[known], y[known]
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    # Rounded, so that seeds of the same order have the same value to the last bit.
    return round(float(test(x, y).statistic), 12)


def equality(tables: Mapping, condition: Mapping) -> Outcome:
    """Two means differ by no more than a tolerance, at each epoch.

    The numbers are those of the difference second - first at the epoch that decides; of several,
    the one where it is largest.
    """
    first, second = (select(tables, condition[key]) for key in ("first", "second"))
    tolerance, paired = condition["tolerance"], _paired(condition["first"], condition["second"])
    margin, images = closed(tolerance), _images(first, second)
    error = 0.0 if condition.get("these_images") else math.hypot(first.error, second.error)
    a, b = first.epochs, second.epochs
    if a.shape[1] != b.shape[1] or a.shape[1] == 1:
        # Each at its own epoch (or on the mean of its epochs): one comparison.
        pairs = [(first.per_seed, second.per_seed)]
    else:
        pairs = [(a.iloc[:, number], b.iloc[:, number]) for number in range(a.shape[1])]
    parts = []
    for one, other in pairs:
        found, sd, seeds = _difference(other, one, paired, above=-margin, below=margin, error=error)
        reason = f"{spread(other)} and {spread(one)} differ by {found.mean:.3g}"
        reason += " at the worst epoch" * (len(pairs) > 1) + f" against {tolerance:g}"
        parts.append(_outcome(found, reason, seeds, sd, images, error))
    parts.sort(key=lambda part: -abs(part.mean))
    verdict = whole([part.verdict for part in parts])
    return _of_parts(parts, next(part for part in parts if part.verdict == verdict))


def minimum(tables: Mapping, condition: Mapping) -> Outcome:
    """A value has its minimum at or before an epoch.

    The least value of each seed after that epoch is above the least one up to it. The last value
    is then above it as well.
    """
    found = select(tables, {"epoch": "all", **condition["select"]})
    curves, error = found.epochs, math.sqrt(2) * found.error
    early = curves.columns <= condition["at_or_before"]
    if early.all() or not early.any():
        raise Missing(f"there must be epochs up to and after {condition['at_or_before']}")
    rises = (curves.loc[:, ~early].min(axis=1) - curves.loc[:, early].min(axis=1)).dropna()
    reason = (
        f"least {curves.min(axis=1).mean():.3g} at epoch "
        f"{spread(curves.idxmin(axis=1).astype(float))}, least after epoch "
        f"{condition['at_or_before']} above the least before by {spread(rises)}"
    )
    estimate = over_seeds(rises, above=0, error=error)
    return _outcome(estimate, reason, len(rises), rises.std(), found.images, error)


def series(tables: Mapping, condition: Mapping) -> Outcome:
    """A published curve: the root mean square of mean - published is within the tolerance."""
    points = tables["series"]
    points = points[points["series"] == condition["series"]]
    for key in ("quantity", "item"):
        if key in condition:
            points = points[points[key] == condition[key]]
    if points.empty:
        raise Missing(f"the published series {condition['series']} has no such points")
    points = points.to_dict("records")
    found = [select(tables, _at_point(condition["select"], point)) for point in points]
    differences = pd.concat(
        [one.per_seed - point["value"] for one, point in zip(found, points, strict=True)], axis=1
    ).dropna()
    if differences.empty:
        raise Missing("no seed has a value at each point")
    error = math.sqrt(np.mean([one.error**2 for one in found]))
    estimate = distance(differences.to_numpy(), condition["tolerance"], error)
    away = differences.mean().to_numpy()
    reason = (
        f"root mean square difference {estimate.mean:.3g} over {len(away)} points against "
        f"{condition['tolerance']:g}, largest {away[np.abs(away).argmax()]:+.3g}"
    )
    return _outcome(estimate, reason, len(differences), images=_images(*found), image_error=error)


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
    """Restarts end in losses close to one another: their spread is at most `at_most`.

    For each image the standard deviation of the final losses over restarts as a share of their
    mean, the median of that over images.
    """
    table = rows(tables, {**condition["select"], "table": "restarts"})
    finals = table.groupby(["seed", "epoch", "image"])["loss"]
    if finals.size().max() < 2:
        raise Missing(f"run {condition['select']['run']} has one restart only")
    shares = (finals.std() / finals.mean().abs()).groupby("seed").median()
    reason = (
        f"the final losses of an image spread by {spread(shares)} of their mean over "
        f"{int(finals.size().median())} restarts, against {condition['at_most']:g}"
    )
    found = over_seeds(shares, below=closed(condition["at_most"]))
    return _outcome(found, reason, len(shares), shares.std(), table["image"].nunique())


# The function, the test's name and what its mean, spread and interval are of.
KINDS: dict[str, tuple[Callable[[Mapping, Mapping], Outcome], str, str]] = {
    "value": (value, "value within a tolerance, two one-sided t-tests", "mean"),
    "order": (order, "order of two means, t-test", "difference"),
    "trend": (trend, "trend over epochs, Kendall's tau", "tau"),
    "equality": (equality, "equality, two one-sided t-tests", "difference"),
    "minimum": (minimum, "place of a minimum, t-test", "rise after it"),
    "correlation": (
        correlation,
        "correlation, Spearman's rho over epochs or Pearson's r over seeds",
        "correlation",
    ),
    "series": (series, "published curve, t-interval", "root mean square difference"),
    "concentration": (concentration, "spread over restarts, t-test", "share of the mean"),
    "measurement": (measurement, "none: nothing published", "mean"),
}
# These hold a published number against a measured one.
OF_NUMBERS = ("value", "series")
