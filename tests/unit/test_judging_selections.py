"""What a condition selects, and its images as a sample."""

import math

import numpy as np
import pytest
from judged import CLOSE, EQUALS, ONE, attacks, given, line, outcome
from scipy import stats

from mirage.reporting import ledger, selections
from mirage.reporting.verdicts import NOT_REPRODUCED, REPRODUCED, UNDECIDED

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


def test_the_images_are_no_sample_where_a_claim_is_of_them_alone():
    rows = given(attacks([0.5] * 3, n=500), attacks([0.54] * 3, attack="noise", n=500))
    keys = {"first": ONE, "second": {**ONE, "attack": "noise"}, "these_images": True}
    for tolerance, verdict in ((0.05, REPRODUCED), (0.03, NOT_REPRODUCED)):
        found = outcome(rows, "equality", tolerance=tolerance, **keys)
        assert (found.verdict, found.image_error) == (verdict, 0)


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
