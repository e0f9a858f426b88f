"""Conditions on curves and distributions: trend, correlation, minimum, series, concentration."""

import math

import numpy as np
import pandas as pd
import pytest
from judged import ONE, OTHER, attacks, given, outcome, points
from scipy import stats

from mirage.reporting import selections
from mirage.reporting.verdicts import NOT_REPRODUCED, REPRODUCED, UNDECIDED

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
