"""Verdicts on claims: of all conditions, with the exact sign, the strongest attack, the source."""

import math

import pandas as pd
import pytest
from judged import (
    BALL,
    CLOSE,
    DOUBTFUL,
    EQUALS,
    FAILS,
    LACKS,
    ONE,
    OTHER,
    SHOWN,
    SLOPE,
    attacks,
    claim,
    condition,
    given,
    line,
    points,
)

from mirage.reporting import judging, on_source
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
    family,
    holm,
)


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
