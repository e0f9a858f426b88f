"""Conditions on values at one place: value, measurement, order, equality."""

import math

import numpy as np
import pytest
from judged import CLOSE, ONE, OTHER, attacks, given, outcome
from scipy import stats

from mirage.reporting import selections
from mirage.reporting.verdicts import MEASURED, NOT_REPRODUCED, REPRODUCED, UNDECIDED

# --- value ----------------------------------------------------------------------------------------


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
