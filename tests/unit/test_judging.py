"""Published claims: each kind of test on rows of known outcome, and each verdict."""

import copy
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from mirage.data import published as values
from mirage.data.columns import COLUMNS
from mirage.reporting import claims, judging, ledger, on_source, selections
from mirage.reporting import rows as table_rows
from mirage.reporting.conditions import KINDS
from mirage.reporting.verdicts import (
    FITTED,
    MEASURED,
    NO_DATA,
    NOT_GIVEN,
    NOT_REPRODUCED,
    NOT_TESTABLE,
    PARTLY,
    REPRODUCED,
    UNDECIDED,
    VERDICTS,
    family,
    holm,
)
from mirage.runtime.errors import MirageError
from mirage.study import config, library
from mirage.study.paths import Paths
from mirage.study.plan import Plan

ROOT = Path(__file__).parents[2]
CLAIMS = [
    ROOT / "studies" / name / "claims.yaml"
    for name in ("yue2017", "yue2018", "rana", "moosavi-dezfooli2016", "alzantot", "hao")
]
SERIES = [file.with_name("published.csv") for file in CLAIMS]


def attacks(curves, **columns):
    """Attack rows: for each seed its accuracies at epochs 1, 2, ..., and what else is given."""
    return pd.DataFrame(
        [
            {
                "run": "one",
                "seed": seed,
                "epoch": epoch,
                "split": "test",
                "attack": "fgsm",
                "dtype": "float32",
                "defence": "bare",
                "epsilon": "0.1",
                "clean_accuracy": 0.9,
                "accuracy": accuracy,
                "n": 10_000,
                "seconds": 200.0,
                **columns,
            }
            for seed, curve in enumerate(curves, 1)
            for epoch, accuracy in enumerate(np.atleast_1d(curve), 1)
        ]
    )


def given(*parts):
    """Tables with these attack rows."""
    return {"attacks": pd.concat(parts, ignore_index=True)}


def condition(kind, **keys):
    return {"kind": kind, **keys}


ONE = {"run": "one", "attack": "fgsm", "epsilon": "0.1"}
OTHER = {"run": "other", "attack": "fgsm", "epsilon": "0.1"}


def outcome(rows, kind, **keys):
    return KINDS[kind][0](rows, condition(kind, **keys))


# --- value ----------------------------------------------------------------------------------------


# The 90 % interval of these three seeds is 0.5 ± 0.0084.
CLOSE = [0.495, 0.5, 0.505]


@pytest.mark.parametrize(
    ("target", "verdict"),
    [
        (0.5, REPRODUCED),
        (0.541, REPRODUCED),
        (0.459, REPRODUCED),
        (0.543, UNDECIDED),
        (0.558, UNDECIDED),
        (0.559, NOT_REPRODUCED),
        (0.441, NOT_REPRODUCED),
    ],
)
def test_value(target, verdict):
    found = outcome(given(attacks(CLOSE)), "value", select=ONE, published=target, tolerance=0.05)
    assert found.verdict == verdict
    assert (found.mean, found.sd, found.seeds) == (pytest.approx(0.5), pytest.approx(0.005), 3)
    assert ("allows both" in found.reason) == (verdict == UNDECIDED)
    assert (found.p_value < 0.05) == (verdict == REPRODUCED)


def test_a_wide_spread_rescues_nothing():
    wide = given(attacks([0.2, 0.5, 0.8]))
    for target in (0.5, 0.7):
        found = outcome(wide, "value", select=ONE, published=target, tolerance=0.05)
        assert found.verdict == UNDECIDED


def test_value_is_two_one_sided_tests():
    seeds = [0.45, 0.5, 0.55, 0.52]
    found = outcome(given(attacks(seeds)), "value", select=ONE, published=0.53, tolerance=0.1)
    above = stats.ttest_1samp(seeds, 0.43, alternative="greater").pvalue
    below = stats.ttest_1samp(seeds, 0.63, alternative="less").pvalue
    assert found.p_value == pytest.approx(max(above, below))
    half = stats.t.ppf(0.95, 3) * np.std(seeds, ddof=1) / 2
    assert (found.low, found.high) == pytest.approx((np.mean(seeds) - half, np.mean(seeds) + half))


@pytest.mark.parametrize(
    ("target", "verdict"), [(0.5, REPRODUCED), (0.55, REPRODUCED), (0.56, NOT_REPRODUCED)]
)
def test_of_equal_seeds_the_mean_decides_without_a_p_value(target, verdict):
    found = outcome(
        given(attacks([0.5] * 3)), "value", select=ONE, published=target, tolerance=0.05
    )
    assert found.verdict == verdict
    assert math.isnan(found.p_value)
    assert (found.low, found.high) == (0.5, 0.5)


def test_a_ratio_is_taken_seed_by_seed():
    fast, slow = [0.1, 0.2, 0.4], [0.41, 0.8, 1.58]
    rows = given(attacks(slow), attacks(fast, run="other"))
    keys = {"select": ONE, "over": OTHER, "tolerance": 1}
    found = outcome(rows, "value", published=4, **keys)
    assert (found.verdict, found.mean) == (REPRODUCED, pytest.approx((4.1 + 4 + 3.95) / 3))
    assert "over 0.2333" in found.reason
    assert outcome(rows, "value", published=5.5, **keys).verdict == NOT_REPRODUCED
    lacking = given(attacks(slow), attacks(fast, run="other").assign(seed=[7, 8, 9]))
    with pytest.raises(selections.Missing, match="no seed has both"):
        outcome(lacking, "value", published=4, **keys)


ONE_SEED = [
    ("value", {"select": ONE, "published": 0.5, "tolerance": 0.05}),
    ("value", {"select": ONE, "published": 0.9, "tolerance": 0.05}),
    ("order", {"less": ONE, "greater": OTHER}),
    ("order", {"less": OTHER, "greater": ONE}),
    ("equality", {"first": ONE, "second": OTHER, "tolerance": 0.05}),
]


@pytest.mark.parametrize(("kind", "keys"), ONE_SEED)
def test_one_seed_decides_nothing(kind, keys):
    found = outcome(given(attacks([0.5]), attacks([0.51], run="other")), kind, **keys)
    assert found.verdict == UNDECIDED
    assert math.isnan(found.p_value)
    assert "one seed only" in found.reason


def test_measurement_is_held_against_nothing():
    found = outcome(given(attacks(CLOSE)), "measurement", select=ONE)
    assert (found.verdict, found.mean, found.seeds) == (MEASURED, pytest.approx(0.5), 3)
    assert math.isnan(found.p_value)


# --- order ----------------------------------------------------------------------------------------


def test_order_of_two_runs_is_welch():
    low, high = [0.3, 0.32, 0.29], [0.5, 0.45, 0.48, 0.55]
    rows = given(attacks(low), attacks(high, run="other"))
    found = outcome(rows, "order", less=ONE, greater=OTHER)
    test = stats.ttest_ind(high, low, equal_var=False, alternative="greater")
    interval = stats.ttest_ind(high, low, equal_var=False).confidence_interval(0.9)
    assert found.verdict == REPRODUCED
    assert found.p_value == pytest.approx(test.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.mean == pytest.approx(np.mean(high) - np.mean(low))
    assert outcome(rows, "order", less=OTHER, greater=ONE).verdict == NOT_REPRODUCED


def test_order_on_the_same_networks_is_paired():
    # The seeds differ far more than the attacks: only pairs show that one is always above.
    low, high = np.array([0.2, 0.5, 0.8]), np.array([0.21, 0.52, 0.815])
    rows = given(attacks(low), attacks(high, attack="noise"))
    keys = {"less": ONE, "greater": {**ONE, "attack": "noise"}}
    found = outcome(rows, "order", **keys)
    assert found.p_value == pytest.approx(stats.ttest_rel(high, low, alternative="greater").pvalue)
    assert found.verdict == REPRODUCED
    assert outcome(rows, "order", by=0.05, **keys).verdict == NOT_REPRODUCED
    unpaired = given(attacks(low), attacks(high, run="other"))
    assert outcome(unpaired, "order", less=ONE, greater=OTHER).verdict == UNDECIDED


def test_order_may_allow_for_a_margin():
    rows = given(attacks([0.5, 0.505, 0.495]), attacks([0.49, 0.495, 0.485], attack="noise"))
    keys = {"less": ONE, "greater": {**ONE, "attack": "noise"}}
    found = outcome(rows, "order", by=-0.02, **keys)
    assert found.verdict == REPRODUCED
    assert found.reason.endswith("is above 0.5 ± 0.005 less 0.02")
    assert outcome(rows, "order", by=-0.005, **keys).verdict == NOT_REPRODUCED
    assert outcome(rows, "order", **keys).verdict == NOT_REPRODUCED


def test_equal_values_are_in_no_order():
    rows = given(attacks([0.5, 0.5]), attacks([0.5, 0.5], run="other"))
    assert outcome(rows, "order", less=ONE, greater=OTHER).verdict == NOT_REPRODUCED


def test_differences_that_are_equal_but_for_rounding_have_no_spread():
    # 0.3 - 0.2 and 0.4 - 0.3 differ in the last bits.
    rows = given(attacks([0.2, 0.3]), attacks([0.3, 0.4], attack="noise"))
    found = outcome(rows, "order", less=ONE, greater={**ONE, "attack": "noise"})
    assert (found.verdict, found.mean) == (REPRODUCED, pytest.approx(0.1))
    assert math.isnan(found.p_value)


def test_seeds_of_which_none_is_in_both_are_missing():
    noise = attacks([0.5, 0.5], attack="noise").assign(seed=[7, 8])
    with pytest.raises(selections.Missing, match="no seed has both"):
        outcome(given(attacks(CLOSE), noise), "order", less=ONE, greater={**ONE, "attack": "noise"})


def test_order_by_a_factor():
    rows = given(attacks([0.1, 0.11, 0.09]), attacks([0.32, 0.33, 0.31], run="other"))
    assert outcome(rows, "order", less=ONE, greater=OTHER, factor=3).verdict == UNDECIDED
    assert outcome(rows, "order", less=ONE, greater=OTHER, factor=2).verdict == REPRODUCED
    assert outcome(rows, "order", less=ONE, greater=OTHER, factor=4).verdict == NOT_REPRODUCED


# --- trend and correlation ------------------------------------------------------------------------


def test_trend():
    rising = [[0.1, 0.2, 0.3, 0.4], [0.1, 0.3, 0.2, 0.4], [0.1, 0.2, 0.4, 0.3]]
    rows = given(attacks(rising))
    found = outcome(rows, "trend", select=ONE, sign="rising")
    taus = [stats.kendalltau(range(4), curve).statistic for curve in rising]
    assert found.mean == pytest.approx(np.mean(taus))
    assert found.p_value == pytest.approx(stats.ttest_1samp(taus, 0, alternative="greater").pvalue)
    assert found.verdict == REPRODUCED
    assert outcome(rows, "trend", select=ONE, sign="falling").verdict == NOT_REPRODUCED
    # Each seed rises by 0.3, 0.3 and 0.2.
    assert outcome(rows, "trend", select=ONE, sign="rising", by=0.1).verdict == REPRODUCED
    assert outcome(rows, "trend", select=ONE, sign="rising", by=0.2).verdict == UNDECIDED
    steep = outcome(rows, "trend", select=ONE, sign="rising", by=0.4)
    assert steep.verdict == NOT_REPRODUCED
    assert steep.mean == found.mean
    assert steep.p_value > found.p_value
    assert "a change of 0.4 asked for" in steep.reason


def test_trend_of_one_seed_of_a_constant_and_of_two_epochs():
    def verdict(curves):
        return outcome(given(attacks(curves)), "trend", select=ONE, sign="rising").verdict

    assert verdict([[1, 2, 3]]) == UNDECIDED
    assert verdict([[1, 2, 3], [3, 2, 1]]) == UNDECIDED
    assert verdict([[1, 1, 1], [1, 1, 1]]) == NOT_REPRODUCED
    with pytest.raises(selections.Missing, match="three epochs"):
        verdict([[1, 2], [1, 2]])


def test_trend_from_an_epoch_on():
    rows = given(attacks([[9, 8, 1, 2, 3], [9, 8, 1, 2, 3]]))
    late = {**ONE, "epoch": {"from": 3}}
    assert outcome(rows, "trend", select=late, sign="rising").verdict == REPRODUCED
    assert outcome(rows, "trend", select=ONE, sign="falling").verdict != NOT_REPRODUCED


def test_correlation():
    x = [[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]]
    y = [[1, 3, 2, 4], [1, 2, 4, 3], [1, 2, 3, 4]]
    rows = given(attacks(x), attacks(y, run="other"))
    found = outcome(rows, "correlation", x=ONE, y=OTHER, sign="positive")
    assert found.mean == pytest.approx(
        np.mean([stats.spearmanr(a, b).statistic for a, b in zip(x, y, strict=True)])
    )
    assert found.verdict == REPRODUCED
    keys = {"x": ONE, "y": OTHER}
    assert outcome(rows, "correlation", sign="negative", **keys).verdict == NOT_REPRODUCED
    assert outcome(rows, "correlation", sign="positive", at_least=0.8, **keys).verdict == (
        UNDECIDED
    )
    against = {"x": ONE, "y": {**OTHER, "attack": "against"}}
    rows = given(attacks(x), attacks(-np.array(x), run="other", attack="against"))
    found = outcome(rows, "correlation", sign="negative", at_least=0.9, **against)
    assert (found.verdict, found.mean) == (REPRODUCED, pytest.approx(-1))
    assert outcome(rows, "correlation", sign="positive", **against).verdict == NOT_REPRODUCED


def test_correlation_over_seeds_is_pearson_s_with_fisher_s_interval():
    x, y = [0.83, 0.88, 0.8, 0.79, 0.86], [0.36, 0.15, 0.69, 0.7, 0.21]
    rows = given(attacks([[one] for one in x]), attacks([[one] for one in y], run="other"))
    keys = {"x": ONE, "y": OTHER, "across": "seeds"}
    found = outcome(rows, "correlation", sign="negative", **keys)
    expected = stats.pearsonr(x, y)
    interval = expected.confidence_interval(0.9)
    assert found.mean == pytest.approx(expected.statistic)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert (found.verdict, found.seeds) == (REPRODUCED, 5)
    assert found.p_value < 0.05
    assert outcome(rows, "correlation", sign="positive", **keys).verdict == NOT_REPRODUCED
    beyond = outcome(rows, "correlation", sign="negative", at_least=0.95, **keys)
    assert beyond.verdict == UNDECIDED
    assert beyond.p_value > 0.05
    rows = given(attacks([[0.1]] * 3), attacks([[0.2]] * 3, run="other"))
    with pytest.raises(selections.Missing, match="over seeds needs 4; there are 3"):
        outcome(rows, "correlation", sign="negative", **keys)


# --- equality -------------------------------------------------------------------------------------


def test_equality_is_two_one_sided_tests():
    a, b = np.array([0.5, 0.52, 0.49]), np.array([0.51, 0.5, 0.52])
    rows = given(attacks(a), attacks(b, run="other"))
    found = outcome(rows, "equality", first=ONE, second=OTHER, tolerance=0.05)
    above = stats.ttest_ind(b + 0.05, a, equal_var=False, alternative="greater").pvalue
    below = stats.ttest_ind(b - 0.05, a, equal_var=False, alternative="less").pvalue
    assert found.p_value == pytest.approx(max(above, below))
    assert found.verdict == REPRODUCED
    # The interval of 90 % and the two tests at 5 % say the same (Schuirmann 1987).
    assert -0.05 < found.low < found.high < 0.05
    narrow = outcome(rows, "equality", first=ONE, second=OTHER, tolerance=0.02)
    assert narrow.verdict == UNDECIDED
    apart = given(attacks(a), attacks(b + 0.1, run="other"))
    assert outcome(apart, "equality", first=ONE, second=OTHER, tolerance=0.05).verdict == (
        NOT_REPRODUCED
    )


def test_equality_holds_at_each_epoch_not_in_the_mean():
    rows = given(
        attacks([[0.4, 0.6], [0.4, 0.6]]), attacks([[0.6, 0.4], [0.6, 0.4]], attack="noise")
    )
    keys = {"first": {**ONE, "epoch": "all"}, "second": {**ONE, "attack": "noise", "epoch": "all"}}
    found = outcome(rows, "equality", tolerance=0.1, **keys)
    assert found.verdict == NOT_REPRODUCED
    assert abs(found.mean) == pytest.approx(0.2)
    # An epoch of doubt decides, though another one has the larger difference.
    first = [[0.5, 0.5], [0.5, 0.5]]
    second = [[0.55, 0.4], [0.55, 0.6]]
    rows = given(attacks(first), attacks(second, attack="noise"))
    found = outcome(rows, "equality", tolerance=0.1, **keys)
    assert (found.verdict, found.mean) == (UNDECIDED, pytest.approx(0, abs=1e-9))


# --- minimum, series, concentration ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("curves", "verdict"),
    [
        ([[3, 1, 2, 4], [3, 1, 2.1, 4]], REPRODUCED),
        ([[3, 1, 2, 4]], UNDECIDED),
        ([[3, 1, 2, 4], [3, 1, 2, 4], [3, 4, 1, 2]], UNDECIDED),
        ([[3, 2, 1.2, 4], [3, 2, 1.1, 4]], NOT_REPRODUCED),
        ([[4, 1, 1, 1], [4, 1, 1, 1]], NOT_REPRODUCED),  # it does not rise
    ],
)
def test_minimum(curves, verdict):
    history = attacks(curves).rename(columns={"accuracy": "validation_loss"})
    history = history[["run", "seed", "epoch", "validation_loss"]]
    select = {"table": "history", "run": "one", "column": "validation_loss"}
    found = outcome({"history": history}, "minimum", select=select, at_or_before=2)
    assert found.verdict == verdict
    with pytest.raises(selections.Missing, match="up to and after 4"):
        outcome({"history": history}, "minimum", select=select, at_or_before=4)


def points(values, **columns):
    """Published points of accuracy at epochs 1, 2, ..."""
    return pd.DataFrame(
        [
            {
                "source": "s",
                "series": "curve",
                "split": "test",
                "epoch": epoch,
                "epsilon": "0.1",
                "quantity": "accuracy",
                "item": None,
                "value": value,
                **columns,
            }
            for epoch, value in enumerate(values, 1)
        ]
    )


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([0.5, 0.6], REPRODUCED),
        ([0.53, 0.63], REPRODUCED),
        ([0.565, 0.6], UNDECIDED),  # root mean square 0.046
        ([0.57, 0.67], NOT_REPRODUCED),
        ([0.5, 0.9], NOT_REPRODUCED),
    ],
)
def test_series(values, verdict):
    rows = given(attacks([[0.495, 0.595], [0.5, 0.6], [0.505, 0.605]]))
    rows["series"] = points(values)
    select = {"run": "one", "attack": "fgsm"}
    found = outcome(rows, "series", select=select, series="curve", tolerance=0.05)
    assert found.verdict == verdict
    expected = math.sqrt(np.mean((np.array(values) - [0.5, 0.6]) ** 2))
    assert found.mean == pytest.approx(expected)


def test_seeds_that_differ_much_neither_save_nor_refute_a_series():
    select = {"run": "one", "attack": "fgsm"}
    rows = given(attacks([[0.2, 0.9], [0.5, 0.6], [0.9, 0.2]]))
    for curve in ([0.5, 0.6], [0.3, 0.4]):
        rows["series"] = points(curve)
        found = outcome(rows, "series", select=select, series="curve", tolerance=0.01)
        assert found.verdict == UNDECIDED


def test_series_of_a_measure():
    measures = pd.DataFrame(
        {
            "run": "one",
            "seed": [1, 2, 1],
            "epoch": 1,
            "split": "test",
            "measure": "spectral_norm",
            "item": ["layer1", "layer1", "layer2"],
            "value": [3.99, 4.01, 100.0],
        }
    )
    rows = {
        "measures": measures,
        "series": points([4.0], quantity="spectral_norm", item="layer1", epsilon=None, split=None),
    }
    found = outcome(rows, "series", select={"run": "one"}, series="curve", tolerance=0.1)
    assert found.verdict == REPRODUCED


def restarts(losses):
    """Rows of restarts: by seed and image the final losses."""
    return {
        "restarts": pd.DataFrame(
            [
                {
                    "run": "one",
                    "seed": seed,
                    "epoch": 1,
                    "split": "test",
                    "attack": "pgd",
                    "dtype": "float32",
                    "epsilon": "0.3",
                    "image": image,
                    "restart": number,
                    "loss": loss,
                }
                for seed, images in enumerate(losses, 1)
                for image, own in enumerate(images)
                for number, loss in enumerate(own)
            ]
        )
    }


def test_concentration_is_the_median_share_over_images():
    # Spreads of 0.1, 0.2 and of the mean itself: the median is 0.2 * sqrt(2).
    images = [[0.9, 1.1], [8.0, 12.0], [0.0, 2.0]]
    select = {"run": "one", "attack": "pgd"}
    found = outcome(restarts([images, images]), "concentration", select=select, at_most=0.3)
    assert found.mean == pytest.approx(0.2 * math.sqrt(2))
    assert found.verdict == REPRODUCED
    tight = outcome(restarts([images, images]), "concentration", select=select, at_most=0.25)
    assert tight.verdict == NOT_REPRODUCED
    one = outcome(restarts([images]), "concentration", select=select, at_most=0.3)
    assert one.verdict == UNDECIDED
    with pytest.raises(selections.Missing, match="one restart"):
        outcome(restarts([[[1.0]]]), "concentration", select=select, at_most=0.3)


# --- selections -----------------------------------------------------------------------------------


def test_epoch_words():
    rows = given(attacks([[0.1, 0.2, 0.3], [0.3, 0.4, 0.5]]))

    def mean(epoch):
        return selections.select(rows, {**ONE, "epoch": epoch}).per_seed.tolist()

    assert mean("last") == mean(3) == [0.3, 0.5]
    assert selections.select(rows, ONE).per_seed.tolist() == [0.3, 0.5]
    assert mean("first") == [0.1, 0.3]
    assert mean([1, 2]) == pytest.approx([0.15, 0.35])
    assert mean({"to": 2}) == pytest.approx([0.15, 0.35])
    assert mean("all") == pytest.approx([0.2, 0.4])
    with pytest.raises(selections.Missing, match="no rows at epochs 7"):
        mean([1, 7])
    with pytest.raises(selections.Missing, match="at epoch 7"):
        mean(7)


def test_the_gap_between_two_splits_is_that_of_each_seed():
    rows = given(attacks([0.5, 0.6]), attacks([0.7, 0.9], split="train"))
    gap = {**ONE, "split": "train", "minus_split": "test"}
    assert selections.select(rows, gap).per_seed.tolist() == pytest.approx([0.2, 0.3])
    with pytest.raises(selections.Missing, match="split validation"):
        selections.select(rows, {**gap, "minus_split": "validation"})


def test_change_since_an_epoch_is_that_of_each_seed():
    rows = given(attacks([[0.1, 0.2, 0.5], [0.3, 0.4, 0.4]]))
    changes = selections.select(rows, {**ONE, "since": 1}).per_seed
    assert changes.tolist() == pytest.approx([0.4, 0.1])


def test_epsilon_is_sought_in_the_sweep_of_each_seed():
    sweep = [
        attacks([accuracy, accuracy + 0.1], epsilon=epsilon)
        for epsilon, accuracy in (("0.05", 0.7), ("0.1", 0.4), ("0.2", 0.1))
    ]
    noise = [attacks([a, a], attack="noise", epsilon=e) for e, a in (("0.05", 0.7), ("0.1", 0.6))]
    rows = given(*sweep, *noise)
    where = {"accuracy": 0.5, "attack": "fgsm"}
    own = [0.05 + 0.05 * 2 / 3, 0.1]
    found = selections.select(rows, {"run": "one", "attack": "noise", "epsilon_where": where})
    assert found.per_seed.tolist() == pytest.approx([0.7 - 2 * (own[0] - 0.05), 0.6])
    assert "at epsilon 0.09167 ± 0.0118" in str(found)
    chosen = {"run": "one", "attack": "fgsm", "column": "epsilon", "epsilon_where": where}
    assert selections.select(rows, chosen).per_seed.tolist() == pytest.approx(own)
    low = {"run": "one", "attack": "fgsm", "epsilon_where": {"accuracy": 0.1}}
    with pytest.raises(selections.Missing, match=r"run one: .* of seed 2 to 0\.1; at 0\.2 "):
        selections.select(rows, low)
    # Noise was measured up to 0.1 only.
    far = {"run": "one", "attack": "noise", "epsilon_where": {**where, "accuracy": 0.3}}
    with pytest.raises(selections.Missing, match=r"not measured at epsilon 0\.1333"):
        selections.select(rows, far)


def test_what_is_missing_is_told():
    rows = given(attacks([0.5, 0.5]), attacks([0.4, 0.4], epsilon="0.2"))

    def message(**selection):
        with pytest.raises(selections.Missing) as error:
            selections.select(rows, selection)
        return str(error.value)

    assert "run other, attack fgsm" in message(run="other", attack="fgsm")
    assert "epsilon 0.3" in message(**{**ONE, "epsilon": "0.3"})
    assert message(**ONE, column="rho_l2") == "the table attacks has no column rho_l2"
    assert "no column item (looked for layer1)" in message(**ONE, item="layer1")
    assert message(table="restarts", run="one", attack="pgd") == "there is no table restarts"
    assert "must name an epsilon" in message(run="one", attack="fgsm")
    rows["attacks"]["rho_l2"] = np.nan
    assert "is empty" in message(**ONE, column="rho_l2")


def test_a_selection_that_names_no_defence_is_of_the_bare_network():
    both = given(attacks([0.5]), attacks([0.7], defence="smooth-1"))
    assert selections.select(both, ONE).per_seed.tolist() == [0.5]
    assert selections.select(both, {**ONE, "defence": "smooth-1"}).per_seed.tolist() == [0.7]


def test_columns_of_the_checkpoint_need_no_epsilon_and_seconds_are_per_image():
    rows = given(attacks([0.5]), attacks([0.4], epsilon="0.2"))
    clean = {"run": "one", "attack": "fgsm", "column": "clean_accuracy"}
    assert selections.select(rows, clean).per_seed.tolist() == [0.9]
    assert selections.select(rows, {**ONE, "column": "seconds_per_image"}).per_seed.tolist() == (
        [0.02]
    )


# --- images as a sample -------------------------------------------------------------------------


def test_fewer_images_widen_the_interval_of_a_share():
    keys = {"select": ONE, "published": 0.541, "tolerance": 0.05}
    all_of_them, few = (
        outcome(given(attacks(CLOSE, n=n)), "value", **keys) for n in (10_000, 1_000)
    )
    assert (all_of_them.verdict, few.verdict) == (REPRODUCED, UNDECIDED)
    assert (all_of_them.images, all_of_them.image_error) == (10_000, 0)
    interval = stats.binomtest(500, 1_000).proportion_ci(0.9, "exact")
    assert few.image_error == pytest.approx((interval.high - interval.low) / 2)
    assert few.images == 1_000
    assert "of which 1,000 images alone leave ± 0.026" in few.reason
    # Of one seed's spread the images' is no part, so that the variances add.
    half = math.hypot(0.0084, few.image_error)
    assert 0.8 * half < few.mean - few.low < half
    assert few.p_value > 0.05 > all_of_them.p_value


def test_seeds_that_agree_do_not_hide_that_their_images_are_a_sample():
    rows = given(attacks([0.5] * 3, n=500))
    for published, verdict in ((0.5, REPRODUCED), (0.54, UNDECIDED), (0.6, NOT_REPRODUCED)):
        found = outcome(rows, "value", select=ONE, published=published, tolerance=0.05)
        assert found.verdict == verdict
        assert (found.p_value < 0.05) == (verdict == REPRODUCED)


def test_errors_of_images_add_in_differences():
    rows = given(attacks([0.5] * 3, n=500), attacks([0.54] * 3, attack="noise", n=900))
    keys = {"less": ONE, "greater": {**ONE, "attack": "noise"}}
    found = outcome(rows, "order", **keys)
    one, other = (
        outcome(rows, "measurement", select=select).image_error for select in keys.values()
    )
    assert (found.verdict, found.images) == (UNDECIDED, 500)
    assert found.image_error == pytest.approx(math.hypot(one, other))
    assert found.high - found.mean == pytest.approx(found.image_error)
    equal = outcome(rows, "equality", first=ONE, second=keys["greater"], tolerance=0.05)
    assert (equal.verdict, equal.image_error) == (UNDECIDED, found.image_error)


def test_images_are_a_sample_of_shares_alone():
    rows = given(attacks([0.5] * 3, n=500, rho_l2=0.2))
    found = outcome(rows, "measurement", select={**ONE, "column": "rho_l2"})
    assert (found.images, found.image_error) == (500, 0)


def test_the_ledger_shows_the_images_of_a_sample():
    rows = given(attacks(CLOSE, n=1_000), attacks(CLOSE, epsilon="0.2"))
    found = line(rows, test=[{**EQUALS, "select": {**ONE, "epsilon": "0.2"}}, EQUALS])
    assert found["images"] == 1_000
    assert found["image_error"] == pytest.approx(0.0264, abs=1e-4)
    text = ledger.markdown(found.to_frame().T)
    assert "(3 seeds; 1,000 images: ± 0.026)" in text


# --- verdicts on claims ---------------------------------------------------------------------------

EQUALS = condition("value", select=ONE, published=0.5, tolerance=0.05)
FAILS = condition("value", select=ONE, published=0.9, tolerance=0.05)
DOUBTFUL = condition("value", select=ONE, published=0.55, tolerance=0.05)
LACKS = condition("value", select=OTHER, published=0.5, tolerance=0.05)
SHOWN = condition("measurement", select=ONE)


@pytest.mark.parametrize(
    ("conditions", "verdict"),
    [
        ([EQUALS], REPRODUCED),
        ([EQUALS, EQUALS], REPRODUCED),
        ([EQUALS, DOUBTFUL], UNDECIDED),
        ([EQUALS, LACKS], NO_DATA),
        ([DOUBTFUL, LACKS], NO_DATA),
        ([EQUALS, FAILS], PARTLY),
        ([EQUALS, FAILS, DOUBTFUL, LACKS], PARTLY),
        ([FAILS, FAILS], NOT_REPRODUCED),
        # What is refuted stays so, whatever else is not there.
        ([LACKS, FAILS], NOT_REPRODUCED),
        ([DOUBTFUL, FAILS], NOT_REPRODUCED),
        ([SHOWN, SHOWN], MEASURED),
    ],
)
def test_all_conditions_must_hold(conditions, verdict):
    rows = given(attacks(CLOSE))
    assert judging.judge(rows, conditions).verdict == verdict
    assert judging.judge(rows, conditions[::-1]).verdict == verdict


def test_partly_says_which():
    rows = given(attacks(CLOSE), attacks([0.3, 0.301], epsilon="0.2"))
    conditions = [EQUALS, {**EQUALS, "select": {**ONE, "epsilon": "0.2"}}]
    reason = judging.judge(rows, conditions).reason
    assert reason.startswith("0.1: reproduced, measured 0.5 ")
    assert "; 0.2: not reproduced, measured 0.3005 " in reason
    sides = given(attacks(CLOSE), attacks([0.8, 0.81, 0.82], run="other"))
    kinds = [
        condition("order", less=ONE, greater=OTHER),
        condition("equality", first=ONE, second=OTHER, tolerance=0.05),
    ]
    found = judging.judge(sides, kinds)
    assert found.verdict == PARTLY
    assert found.reason.startswith("order: reproduced")


def test_undecided_supports_nothing():
    # It makes no family better, and is counted in a column of its own.
    for others in ([REPRODUCED], [NOT_REPRODUCED], [NO_DATA], [UNDECIDED]):
        assert family([*others, UNDECIDED]) != REPRODUCED


def test_the_weakest_condition_gives_the_p_value():
    rows = given(attacks([0.2, 0.25, 0.22]), attacks([0.5, 0.55, 0.45], run="other"))
    strong = condition("order", less=ONE, greater=OTHER)
    weak = condition("order", less=ONE, greater=OTHER, by=0.2)
    alone = [judging.judge(rows, [one]).p_value for one in (strong, weak)]
    assert alone[0] < alone[1]
    assert judging.judge(rows, [strong, weak]).p_value == alone[1]
    # It is of no test at all if one condition has none.
    equal = given(attacks([0.5, 0.5]), attacks([0.5, 0.55, 0.45], run="other"))
    assert math.isnan(judging.judge(equal, [strong, EQUALS]).p_value)


def test_p_values_are_adjusted_for_their_number():
    # The example is worked by hand: 0.01 * 4, 0.015 * 3, 0.02 * 2 (not below the one before), 0.5.
    found = holm([0.5, math.nan, 0.01, 0.02, 0.015])
    assert found == pytest.approx([0.5, math.nan, 0.04, 0.045, 0.045], nan_ok=True)
    assert holm([0.6, 0.9]) == pytest.approx([1, 1])
    assert math.isnan(holm([math.nan])[0])


def test_what_was_fitted_is_no_test():
    for test in ([EQUALS], [FAILS], [DOUBTFUL]):
        found = judging.judge(given(attacks(CLOSE)), test, "chosen for it")
        assert (found.verdict, found.mean) == (FITTED, pytest.approx(0.5))
        assert found.reason.startswith("chosen for it; measured 0.5 ")
        assert math.isnan(found.p_value)
    assert judging.judge(given(attacks(CLOSE)), [LACKS], "chosen for it").verdict == NO_DATA


def claim(**keys):
    return {"id": "s-01", "source": "s", "place": "table 1", "statement": "It is so.", **keys}


POINTS = [
    {"series": "curve", "split": "test", "epoch": 9, "dtype": "float32", "defence": "bare", **ONE}
]
BALL = {"fgsm": "fgsm", "fgsm_exact": "fgsm", "pgd": "pgd", "square": "square"}


def line(rows, dataset="mnist", exact=None, **keys):
    """The one line of a ledger of one claim."""
    twins = exact or {"fgsm": "fgsm_exact"}
    return judging.ledger([claim(**keys)], twins, rows, dataset, BALL, POINTS).iloc[0]


def test_second_verdict_is_that_of_the_exact_sign():
    masked = attacks(CLOSE)
    rows = given(masked, attacks([0.1, 0.12, 0.11], attack="fgsm_exact"))
    found = line(rows, test=[EQUALS])
    assert (found["verdict"], found["exact_verdict"]) == (REPRODUCED, NOT_REPRODUCED)
    assert found["exact_measured"] == pytest.approx(0.11)
    assert found["exact_seeds"] == 3
    # Without rows of the exact attack the second verdict says so, and the first stays.
    found = line(given(masked), test=[EQUALS])
    assert (found["verdict"], found["exact_verdict"]) == (REPRODUCED, NO_DATA)
    assert "fgsm_exact" in found["exact_reason"]


def test_second_verdict_keeps_the_epsilon_that_is_tied_to_another_attack():
    sweep = [("0.05", 0.7, 0.3), ("0.1", 0.4, 0.1), ("0.2", 0.2, 0.0)]
    rows = given(
        *(attacks([plain, plain], epsilon=e) for e, plain, _ in sweep),
        *(attacks([exact, exact], epsilon=e, attack="fgsm_exact") for e, _, exact in sweep),
    )

    def exact(where):
        select = {"run": "one", "attack": "fgsm", "epsilon_where": where}
        test = [condition("value", select=select, published=0.4, tolerance=0.05)]
        return line(rows, test=test)["exact_measured"]

    assert exact({"accuracy": 0.4, "attack": "fgsm"}) == pytest.approx(0.1)  # at epsilon 0.1
    assert exact({"accuracy": 0.2}) == pytest.approx(0.2)  # at its own, 0.075


def test_a_selection_may_name_its_own_exact_attack():
    rows = given(
        attacks([0.5, 0.5], defence="smooth-1"),
        attacks([0.2, 0.2], defence="smooth-1", attack="fgsm_exact"),
        attacks([0.1, 0.1], defence="smooth-1", attack="adaptive"),
    )
    select = {**ONE, "defence": "smooth-1", "exact": "adaptive"}
    test = [condition("value", select=select, published=0.5, tolerance=0.05)]
    assert line(rows, test=test)["exact_measured"] == pytest.approx(0.1)


def test_no_second_verdict_without_an_attack_that_could_be_masked():
    rows = given(attacks([0.5, 0.5]), attacks([0.5, 0.5], attack="deepfool"))
    clean = {"run": "one", "attack": "fgsm", "column": "clean_accuracy"}
    found = line(rows, test=[condition("value", select=clean, published=0.9, tolerance=0.05)])
    assert (found["exact_verdict"], found["exact_reason"]) == ("", "no attack")
    deepfool = {**ONE, "attack": "deepfool"}
    found = line(rows, test=[condition("value", select=deepfool, published=0.5, tolerance=0.05)])
    assert found["exact_verdict"] == ""
    assert "deepfool" in found["exact_reason"]
    found = line(rows, test=[EQUALS], exact={"other": "fgsm"})
    assert found["exact_reason"] == "tested with the exact-sign gradient already"
    found = line(rows, test=[EQUALS], no_exact="for a reason")
    assert (found["exact_verdict"], found["exact_reason"]) == ("", "for a reason")


def test_third_verdict_is_that_of_the_strongest_attack_that_was_run():
    fgsm = attacks([0.495, 0.5, 0.505])
    exact = attacks([0.48, 0.48, 0.48], attack="fgsm_exact")
    found = line(given(fgsm, exact), test=[EQUALS])
    assert (found["strongest"], found["strongest_verdict"]) == ("", "")
    assert found["strongest_reason"] == "no stronger attack was run"
    assert pd.isna(found["strongest_measured"])
    # Seed by seed the lowest of all that lie in the ball, of any type; noise and L2 do not.
    more = [
        attacks([0.2, 0.3, 0.22], attack="pgd", dtype="float64"),
        attacks([0.3, 0.2, 0.6], attack="square", n=1_000),
        attacks([0.0] * 3, attack="noise"),
        attacks([0.1] * 3, attack="pgd", epsilon="0.2"),
        attacks([0.1] * 3, attack="pgd", defence="smooth-1"),
        attacks([0.1] * 3, attack="pgd", split="train"),
        attacks([0.1] * 3, attack="pgd", run="other"),
    ]
    found = line(given(fgsm, exact, *more), test=[EQUALS])
    assert (found["verdict"], found["strongest_verdict"]) == (REPRODUCED, NOT_REPRODUCED)
    assert found["strongest"] == "pgd, square (1,000 images)"
    assert found["strongest_measured"] == pytest.approx((0.2 + 0.2 + 0.22) / 3)
    assert "1,000 images" not in found["reason"]
    # Where nothing is stronger, it is the exact sign.
    weak = attacks([0.7] * 3, attack="square")
    assert line(given(fgsm, exact, weak), test=[EQUALS])["strongest"] == "fgsm_exact"


def test_success_is_that_of_the_strongest_attack_and_other_columns_have_none():
    rows = given(
        attacks([0.5] * 3, success=0.4, rho_l2=0.2), attacks([0.1] * 3, attack="pgd", success=0.9)
    )

    def found(**more):
        select = {**ONE, **more}
        return line(rows, test=[condition("value", select=select, published=0.9, tolerance=0.05)])

    assert found(column="success")["strongest_verdict"] == REPRODUCED
    for column in ("rho_l2", "clean_accuracy"):
        assert found(column=column)["strongest_reason"] == "no attack at a stated epsilon"


def test_both_sides_meet_the_strongest_attack_or_the_ledger_says_so():
    rows = [attacks([0.3] * 3), attacks([0.6] * 3, run="other")]
    pgd = [attacks([0.2] * 3, attack="pgd"), attacks([0.1] * 3, run="other", attack="pgd")]
    above = [condition("order", less=ONE, greater=OTHER)]
    assert line(given(*rows, *pgd), test=above)["strongest_verdict"] == NOT_REPRODUCED
    found = line(given(*rows, pgd[0]), test=above)
    assert found["strongest_verdict"] == NO_DATA
    assert "no stronger attack with run other" in found["strongest_reason"]


def test_no_third_verdict_on_a_comparison_of_attacks():
    rows = given(attacks([0.3] * 3), attacks([0.2] * 3, attack="pgd"))
    above = [condition("order", less={**ONE, "attack": "pgd"}, greater=ONE)]
    found = line(rows, test=above)
    assert (found["verdict"], found["strongest_verdict"]) == (REPRODUCED, "")
    assert found["strongest_reason"] == "it compares attacks with one another"
    assert line(rows, test=above, no_exact="so")["strongest_reason"] == "so"


SLOPE = {
    **{"table": "gradients", "run": "one"},
    **{"gradient": "cross_entropy_mean", "column": "zero_share"},
}


def test_second_verdict_on_a_gradient_is_that_of_the_exact_sign():
    rows = pd.DataFrame(
        [
            {
                **{"run": "one", "seed": seed, "epoch": 1, "split": "test", "defence": defence},
                **{"gradient": gradient, "dtype": "float32", "zero_share": share + seed / 100},
            }
            for gradient, defence, share in (
                ("cross_entropy_mean", "bare", 0.5),
                ("cross_entropy_mean", "smooth", 0.7),
                ("exact_sign", "bare", 0.0),
            )
            for seed in (0, 1, 2)
        ]
    )
    test = [condition("value", select=SLOPE, published=0.5, tolerance=0.05)]
    found = line({"gradients": rows}, test=test)
    assert (found["verdict"], found["exact_verdict"]) == (REPRODUCED, NOT_REPRODUCED)
    assert (found["measured"], found["exact_measured"]) == pytest.approx((0.51, 0.01))
    exact = [
        condition("value", select=SLOPE | {"gradient": "exact_sign"}, published=0, tolerance=1)
    ]
    found = line({"gradients": rows}, test=exact)
    assert found["exact_reason"] == "tested with the exact-sign gradient already"
    # A run in which no gradient is measured has no such table.
    assert "no table gradients" in line({}, test=test)["reason"]


def test_each_test_is_run_on_the_numbers_of_its_source():
    rows = given(attacks([[0.5, 0.4, 0.3]] * 2))
    falling = condition("trend", select=ONE, sign="falling")
    for curve, expected in (([0.9, 0.8, 0.7], "holds"), ([0.7, 0.8, 0.9], "fails")):
        found = line({**rows, "series": points(curve)}, test=[falling])
        assert (found["verdict"], found["on_source"]) == (REPRODUCED, expected)
        told = "the source's own numbers fail it: from 0.7 at epoch 1 to 0.9 at epoch 3"
        assert (told in found["reason"]) == (expected == "fails")
    # One condition of two, and none.
    public = {**rows, "series": points([0.9, 0.8, 0.7])}
    elsewhere = {**falling, "select": {**ONE, "split": "train"}}
    assert line(public, test=[falling, elsewhere])["on_source"] == "part"
    assert line(public, test=[elsewhere])["on_source"] == "not public"
    assert line(rows, test=[falling])["on_source"] == "not public"
    # A number that is held against ours is the source's own; a measurement is no test.
    assert line(rows, test=[EQUALS])["on_source"] == "holds"
    assert line(rows, test=[SHOWN])["on_source"] == ""
    assert line(rows, not_testable="so")["on_source"] == ""


def test_cells_of_tables_are_numbers_of_the_source():
    cells = points([0.17, 0.02, 0.5], epsilon=None, split=None, quantity=None)
    cells = cells.assign(series=["t/fgsm", "t/error", "t/noise"], epoch=None)
    where = {"accuracy": 0.17, "attack": "fgsm"}
    common = {"run": "one", "attack": "fgsm", "dtype": "float32", "split": "test", "epoch": 9}
    own = [
        {**common, "defence": "bare", "epsilon_where": {"accuracy": 0.17}, "value": "accuracy"},
        {**common, "defence": "bare", "value": "clean_error"},
        {**common, "defence": "bare", "attack": "noise", "epsilon_where": where}
        | {"value": "accuracy"},
    ]
    own = [{**one, "series": name} for one, name in zip(own, cells["series"], strict=True)]
    given = on_source.tables(cells, own, "s")
    broken = {"run": "one", "attack": "fgsm", "epsilon_where": where}
    noise = {**broken, "attack": "noise"}
    clean = {"table": "measures", "run": "one", "measure": "accuracy", "item": "all"}

    def found(less, greater, **keys):
        return on_source.verdict(given, [condition("order", less=less, greater=greater, **keys)])[0]

    assert found(broken, noise, by=0.3) == "holds"
    assert found(broken, noise, by=0.4) == "fails"
    assert found(noise, clean, by=0.4) == "holds"
    assert found(noise, {**clean, "run": "other"}) == "not public"


def test_not_testable_and_other_data_sets():
    rows = given(attacks([0.5, 0.5]), attacks([0.7, 0.71], run="other"))
    found = line(rows, not_testable="nobody looked")
    assert (found["verdict"], found["reason"]) == (NOT_TESTABLE, "nobody looked")
    assert pd.isna(found["measured"])
    found = line(rows, data_not_given="CIFAR-10")
    assert (found["verdict"], found["reason"]) == (NOT_GIVEN, "CIFAR-10")
    found = line(rows, dataset="digits", test=[EQUALS])
    assert (found["verdict"], found["reason"]) == (NOT_TESTABLE, "published for mnist")
    above = [condition("order", less=ONE, greater=OTHER)]
    assert line(rows, dataset="digits", test=above)["verdict"] == REPRODUCED


def test_conclusions_are_counted_without_numbers_and_without_what_is_not_tested_again():
    rows = [attacks([0.3, 0.31, 0.3]), attacks(CLOSE, run="other")]
    exact = [attacks([0.2] * 3, attack="fgsm_exact")]
    exact += [attacks([0.1] * 3, attack="fgsm_exact", run="other")]
    above = [condition("order", less=ONE, greater=OTHER)]
    several = [
        claim(test=above),
        claim(test=above, no_exact="so") | {"id": "s-02"},
        claim(test=[{**EQUALS, "select": OTHER}]) | {"id": "s-03"},
        claim(test=[*above, {**EQUALS, "select": OTHER}]) | {"id": "s-04"},
        claim(test=[condition("order", less=OTHER, greater=ONE)]) | {"id": "s-05"},
    ]
    twins = {"fgsm": "fgsm_exact"}
    table = judging.ledger(several, twins, given(*rows, *exact), "mnist", BALL, [])
    found = judging.conclusions(table, "exact")
    assert found["id"].tolist() == ["s-01"]
    assert found["exact_verdict"].tolist() == [NOT_REPRODUCED]
    assert judging.conclusions(table, "strongest").empty
    pgd = [attacks([0.2] * 3, attack="pgd"), attacks([0.4] * 3, attack="pgd", run="other")]
    table = judging.ledger(several, twins, given(*rows, *pgd), "mnist", BALL, [])
    assert judging.conclusions(table, "strongest")["id"].tolist() == ["s-01"]
    # One that could not be tested again is none.
    table = judging.ledger(several, twins, given(*rows, *pgd[:1]), "mnist", BALL, [])
    assert judging.conclusions(table, "strongest").empty


# --- the ledger for people ------------------------------------------------------------------------


@pytest.fixture
def small():
    """A ledger with every verdict, and text that must be escaped."""
    rows = given(attacks(CLOSE))
    several = [
        claim(test=[EQUALS], figure="curve", note="a | b <i>"),
        claim(test=[DOUBTFUL]) | {"id": "s-02"},
        claim(test=[EQUALS, FAILS]) | {"id": "s-03"},
        claim(test=[EQUALS], fitted="so") | {"id": "s-04"},
        claim(test=[SHOWN]) | {"id": "s-05"},
        claim(test=[FAILS]) | {"id": "t-01", "source": "t"},
        claim(test=[LACKS]) | {"id": "t-02", "source": "t"},
        claim(not_testable="<script>") | {"id": "t-03", "source": "t"},
        claim(data_not_given="none") | {"id": "t-04", "source": "t"},
    ]
    return judging.ledger(several, {}, rows, "mnist", {}, [])


def test_every_verdict_is_reached_and_counted(small):
    assert small["verdict"].tolist() == [
        *(REPRODUCED, UNDECIDED, PARTLY, FITTED, MEASURED),
        *(NOT_REPRODUCED, NO_DATA, NOT_TESTABLE, NOT_GIVEN),
    ]
    text = ledger.markdown(small)
    assert "- s: 1 reproduced, 1 partly, 1 undecided, 1 fitted, 1 measured\n" in text
    assert "- t: 1 not reproduced, 1 not testable here, 1 data not given, 1 no data\n" in text
    assert "- all: 1 reproduced, 1 partly, 1 undecided, 1 not reproduced" in text
    counted = judging.counts(small[small["verdict"] == REPRODUCED])
    assert list(counted.columns) == [REPRODUCED]
    assert "(Holm p = " in text
    assert r"a \| b" in text
    assert list(small.columns) == judging.COLUMNS


def test_page_colours_links_and_escapes(small):
    page = ledger.page(small, {"curve": "results/mnist/figures/curve.png"}, "results/mnist/tables")
    link = '<a href="../figures/curve.png" data-figure="results/mnist/figures/curve.png">s-01</a>'
    assert link in page
    assert page.count("<a ") == 1
    for verdict, colour in ledger.COLOURS.items():
        assert f'style="background: {colour}"><b>{verdict}</b>' in page
    assert len(set(ledger.COLOURS.values())) == len(VERDICTS)
    assert page.count("<script>") == 1  # the page's own
    assert "&lt;script&gt;" in page
    assert "&lt;i&gt;" in page
    # The report's first page takes this part of it, which is one line.
    (counts,) = re.findall(r'<table class="counts">(.*?)</table>', page)
    numbers = [int(one) for one in re.findall(r">(\d+)</td>", counts)]
    assert numbers == [*(1, 1, 1, 0, 1, 1, 0, 0, 0), *(0, 0, 0, 1, 0, 0, 1, 1, 1), *[1] * 9]
    # What was not tested is folded, below what was.
    tested = page[: page.index("<details>")]
    assert [name for name in small["id"] if f'id="{name}"' in tested] == [
        *("s-01", "s-02", "s-03", "s-04", "s-05", "t-01")
    ]
    assert all(f'id="{name}"' in page for name in small["id"])
    # Nothing is fetched from elsewhere.
    assert "http" not in page


# --- claims.yaml ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped():
    names = {row["series"] for row in values.rows(SERIES)}
    found = [one for file in CLAIMS for one in library.claims(file)]
    claims.check(found, names)
    return found


def test_every_source_has_claims_and_every_series_is_tested(shipped):
    sources = {one["source"] for one in shipped}
    assert sources == {file.parent.name for file in CLAIMS}
    conditions = [part for one in shipped for part in one.get("test", ())]
    assert {one["kind"] for one in conditions} == set(KINDS)


# Claims of a text that the numbers of the same source contradict, as their notes say. Any other
# claim that its source's numbers fail is to be tested by something else.
FAILED_BY_THEIR_SOURCE = {"yue2017-22", "yue2017-40"}


def test_no_claim_fails_on_the_numbers_of_its_source(shipped):
    study = config.read(yaml.safe_load((ROOT / "config.yaml").read_text()), ROOT)
    content = claims.in_types_of(shipped, {name: run["dtype"] for name, run in study.runs.items()})
    of = values.table(SERIES), Plan(study, Paths(""), ROOT).points()
    given = {source: on_source.tables(*of, source) for source in {one["source"] for one in content}}
    words = {
        one["id"]: on_source.verdict(given[one["source"]], one["test"])[0]
        for one in content
        if "test" in one
    }
    assert {name for name, word in words.items() if word == "fails"} <= FAILED_BY_THEIR_SOURCE
    # Series and cells are found: it is not that nothing is public.
    assert all(words[name] == "holds" for name in ("yue2018-03", "rana-05", "hao-07"))


def with_exact(content, twins):
    """Each claim's id with each of its conditions, those of the second verdict as well."""
    for one in content:
        conditions = one.get("test", [])
        exact, _ = judging.under_exact_sign(conditions, twins)
        for part in [*conditions, *([] if "no_exact" in one else exact)]:
            yield one["id"], part


def test_the_shipped_configuration_measures_what_the_claims_ask_for(shipped):
    study = config.read(yaml.safe_load((ROOT / "config.yaml").read_text()), ROOT)
    lacking = []
    for name, part in with_exact(shipped, study.twins):
        for selection in claims.selections(part):
            if selection["run"] not in study.runs:
                lacking.append((name, selection["run"]))
                continue
            epochs = study.runs[selection["run"]]["epochs"]
            asked = selection.get("epoch")
            if isinstance(asked, int) and selection.get("table") != "history":
                lacking += [(name, "epoch", asked)] * (asked not in epochs)
            table = selection.get("table", "attacks")
            if table not in ("attacks", "gradients"):
                continue
            wanted = {**selections.DEFAULTS[table], **selection}
            kind = table.removesuffix("s")
            keys = {key: wanted[key] for key in ("run", kind, "dtype", "split", "defence")}
            if part["kind"] == "series":
                del keys["split"]  # stands in published.csv
            sizes = {"epsilons": [selection["epsilon"]]} if "epsilon" in selection else {}
            if not study.chosen({**keys, **sizes}):
                lacking.append((name, keys, sizes))
            where = {k: v for k, v in selection.get("epsilon_where", {}).items() if k != "accuracy"}
            if where and not study.chosen({**keys, **where}):
                lacking.append((name, keys, where))
    figures = {one["figure"] for one in shipped if "figure" in one}
    assert lacking == []
    assert figures - set(study.config["figures"]) == set()


SPOILED = [
    ("id", "yue-1", "must be written in another form"),
    ("id", "-01", "must be written in another form"),
    ("id", "rana-01", "must begin with its source"),
    ("test", None, "needs either 'test', 'not_testable' or 'data_not_given'"),
    ("not_testable", "no", "needs either 'test', 'not_testable' or 'data_not_given'"),
    ("data_not_given", "no", "needs either 'test', 'not_testable' or 'data_not_given'"),
    ("verdict", "reproduced", "unknown key 'verdict'"),
    ("test", [{"kind": "guess"}], "allowed are value, order"),
    ("test", [{"kind": "trend", "select": {"run": "a"}, "sign": "up"}], "rising, falling"),
    (
        "test",
        [{"kind": "series", "select": {"run": "a"}, "series": "b", "tolerance": 1}],
        "no series",
    ),
    ("test", [{**EQUALS, "select": {**ONE, "epsilon": 0.1}}], "text in quotes"),
    ("test", [{**EQUALS, "select": {**ONE, "column": "acuracy"}}], "attacks has no column 'acu"),
    ("test", [{**EQUALS, "select": {"run": "a", "table": "history", "column": "rho_l2"}}], "loss"),
    ("test", [{**EQUALS, "select": {**ONE, "column": "zero_share"}}], "write table: gradients"),
    ("test", [{**EQUALS, "select": {**ONE, "gradient": "exact_sign"}}], "stand together; keep"),
    ("test", [{**EQUALS, "select": {**SLOPE, "attack": "fgsm"}}], "stand together; keep gradient"),
    ("test", [{**EQUALS, "select": {**SLOPE, "epsilon": "0.1"}}], "takes no epsilon"),
    ("test", [{**EQUALS, "select": {**SLOPE, "column": "accuracy"}}], "no column 'accuracy'"),
    ("test", [{**EQUALS, "select": {**SLOPE, "gradient": "hinge"}}], "'hinge'.*exact_sign"),
    ("test", [{**EQUALS, "select": {"run": "a", "table": "gradients"}}], "needs gradient and col"),
    ("test", [{**EQUALS, "select": {"run": "a", "gradient": "exact_sign"}}], "write table: grad"),
]


@pytest.mark.parametrize(("key", "value", "message"), SPOILED)
def test_faults_of_claims_are_told(tmp_path, key, value, message):
    spoiled = {**claim(test=[copy.deepcopy(EQUALS)]), key: value}
    if value is None:
        del spoiled[key]
    file = tmp_path / "claims.yaml"
    file.write_text(yaml.safe_dump({"claims": [spoiled]}))
    with pytest.raises(MirageError, match=message):
        claims.check(library.claims(file), ["a"])


EPSILONS = ["0.05", "0.1", "0.2"]


def read_claim(tmp_path, *conditions):
    file = tmp_path / "claims.yaml"
    file.write_text(yaml.safe_dump({"claims": [claim(test=list(conditions))]}))
    return library.claims(file)[0]["test"]


def test_lists_stand_for_a_condition_each_in_step_on_both_sides(tmp_path):
    less = {**ONE, "epsilon": EPSILONS[1:], "split": ["train", "test"]}
    greater = {**ONE, "epsilon": EPSILONS[:2], "run": "other"}
    found = read_claim(tmp_path, condition("order", less=less, greater=greater, by=0.1))
    assert [
        (one["less"]["split"], one["less"]["epsilon"], one["greater"]["epsilon"]) for one in found
    ] == [
        *(("train", "0.1", "0.05"), ("train", "0.2", "0.1")),
        *(("test", "0.1", "0.05"), ("test", "0.2", "0.1")),
    ]
    assert all(one["greater"]["run"] == "other" and one["by"] == 0.1 for one in found)
    # A list of epochs selects several of them.
    epochs = condition("trend", select={**ONE, "epoch": [1, 2, 3]}, sign="rising")
    assert read_claim(tmp_path, epochs) == [epochs]


def test_lists_in_step_have_one_length(tmp_path):
    sides = {"less": {**ONE, "epsilon": EPSILONS}, "greater": {**OTHER, "epsilon": EPSILONS[:2]}}
    with pytest.raises(MirageError, match=r"test\.0: .*the lists of epsilon must be of one length"):
        read_claim(tmp_path, condition("order", **sides))


def test_a_configuration_measures_at_every_value_of_a_list():
    run = {"network": {"name": "mlp", "hidden": [4]}, "epochs": [1]}
    select = {"run": "one", "attack": "fgsm", "epsilon": EPSILONS}
    given = {"dataset": "digits", "runs": {"one": run}}
    given["claims"] = [{**claim(test=[condition("measurement", select=select)]), "source": "s"}]
    study = config.read(given, ROOT)
    assert [one["select"]["epsilon"] for one in study.claims[0]["test"]] == EPSILONS
    assert {one.epsilons for one in study.evaluations} == {tuple(EPSILONS)}


def test_what_is_fitted_stands_beside_a_test():
    with pytest.raises(claims.ClaimsError, match=r"s-01: 'fitted' says .* needs 'test' as well"):
        claims.check([claim(not_testable="no", fitted="why")])
    claims.check([claim(test=[EQUALS], fitted="why")])


def test_a_selection_is_in_the_type_of_its_run_where_it_names_none():
    where = {"accuracy": 0.5, "run": "b"}
    test = [
        {"kind": "value", "select": {"run": "a", "attack": "fgsm", "epsilon_where": where}},
        {"kind": "trend", "select": {"run": "a", "attack": "fgsm", "dtype": "float16"}},
        {"kind": "trend", "select": {"run": "a", "table": "history"}},
        {"kind": "trend", "select": {"run": "unknown", "attack": "fgsm"}},
    ]
    given = [claim(test=test)]
    found = claims.in_types_of(given, {"a": "float64", "b": "float32"})[0]["test"]
    assert given == [claim(test=test)]
    assert "dtype" not in where
    assert [one["select"].get("dtype") for one in found] == ["float64", "float16", None, None]
    assert found[0]["select"]["epsilon_where"]["dtype"] == "float32"


def test_an_id_stands_once():
    with pytest.raises(claims.ClaimsError, match="s-01: this id stands twice"):
        claims.check([claim(test=[EQUALS])] * 2)


@pytest.mark.thorough
def test_script_writes_three_files(tmp_path):
    rows = attacks([0.45, 0.5, 0.55], run="base", dataset="mnist")
    written = {"attacks": rows, "measures": pd.DataFrame(), "history": pd.DataFrame()}
    for name, table in written.items():
        table.reindex(columns=COLUMNS[name]).to_csv(tmp_path / f"{name}.csv", index=False)
    outputs = [tmp_path / f"claims.{kind}" for kind in ("csv", "md", "html")]
    job = {
        "dataset": "mnist",
        "own": [],
        "dtypes": {},
        "twins": {},
        "ball": {},
        "points": [],
        "figures": {},
    }

    def judged(*files):
        command = [sys.executable, ROOT / "scripts/judge.py", "--job", json.dumps(job)]
        command += ["--claims", *files, "--series", *SERIES, "--restarts", "--output", *outputs]
        for name in written:
            command += [f"--{name}", tmp_path / f"{name}.csv"]
        return subprocess.run(map(str, command), capture_output=True, text=True, check=False)

    done = judged(*CLAIMS)
    assert done.returncode == 0, done.stderr
    found = table_rows.read([outputs[0]])
    assert len(found) == sum(len(library.claims(file)) for file in CLAIMS)
    assert set(found["verdict"]) == {NO_DATA, NOT_TESTABLE, NOT_GIVEN}
    assert "| yue2017-01 " in outputs[1].read_text()
    assert outputs[2].read_text().startswith("<!doctype html>")
    # A faulty file of claims is refused in a sentence, without a trace of the program.
    bad = tmp_path / "bad.yaml"
    bad.write_text("claims: {}")
    done = judged(bad, *CLAIMS[1:])
    assert done.returncode == 1
    assert "bad.yaml: claims: {} is not allowed; it must be a list" in done.stderr
    assert "Traceback" not in done.stderr
