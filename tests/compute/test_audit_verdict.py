"""The verdict: on findings made up at each border, and on networks of which it is known."""

import re
from dataclasses import replace

import controls
import numpy as np
import pytest
from workflow import ROOT

import mirage
from mirage.auditing import indicators
from mirage.auditing.findings import Curve, Findings, Headline, Indicator, Margins, Worst
from mirage.auditing.rates import rates
from mirage.auditing.statistics import difference, mcnemar, share
from mirage.auditing.verdict import (
    ARITHMETIC,
    EXIT_CODES,
    MODEL,
    NOT_CONVERGED,
    NOT_DECIDABLE,
    NOT_ROBUST,
    ROBUST,
    decide,
)

# --- Made up -------------------------------------------------------------------------------------

NUMBERS = {
    "gradient": {"exact_zero": 1.0, "not_finite": 0.0},
    "one_step": {"one": 0.5, "many": 0.9, "more": 0.4, "low": 0.3},
}


def first(accuracy, images):
    """Right are so many images, the first."""
    return np.arange(images) < round(accuracy * images)


def headline(attack, epsilon, plain, exact):
    return Headline(
        *(attack, epsilon, "linf", share(plain), share(exact)),
        *difference(plain, exact),
        *(mcnemar(plain, exact), 0, 0, plain, exact),
    )


def made(
    *, images=1_000, clean=0.98, plain=0.5, exact=None, left=0.1, lights=None, numbers=None, **more
):
    """Findings at 0.1, or at `epsilons`, with these accuracies; all lights green but `lights`."""
    quick, epsilons = more.get("quick", False), more.get("epsilons", (0.1,))
    lights, numbers = lights or {}, NUMBERS | (numbers or {})
    labels = np.arange(images) % 10
    predictions = np.where(first(clean, images), labels, (labels + 1) % 10)
    exact = plain if exact is None else exact
    misled_by = np.where(first(left, images), "", "pgd_exact")
    names = [one.__name__.rpartition(".")[2] for one in indicators.modules(quick)]
    return Findings(
        images=images,
        epsilons=epsilons,
        norm="linf",
        seed=0,
        quick=quick,
        clean=share(predictions == labels),
        headlines=tuple(
            headline(attack, epsilon, first(plain, images), first(exact, images))
            for epsilon in epsilons
            for attack in (("fgsm",) if quick else ("fgsm", "pgd"))
        ),
        worst=()
        if quick
        else tuple(Worst(one, "linf", share(misled_by == ""), (), misled_by) for one in epsilons),
        indicators=tuple(
            Indicator(
                *(name, name, lights.get(name, "green"), f"What {name} says."),
                *(numbers.get(name, {}), "", ""),
            )
            for name in names
        ),
        eyes=(),
        curve=Curve("linf", (), None, None),
        margins=Margins("float32", 5.0, {}, {}, {}, np.zeros(images)),
        signs=None,
        examples=(),
        seconds=0.0,
        labels=labels,
        predictions=predictions,
    )


def named(**more):
    return decide(made(**more)).name


def red(*names):
    return dict.fromkeys(names, "red")


@pytest.mark.parametrize(
    ("left", "expected"), [(0.98, ROBUST), (0.49, ROBUST), (0.489, NOT_ROBUST), (0, NOT_ROBUST)]
)
def test_half_of_the_clean_accuracy_is_robust(left, expected):
    found = decide(made(left=left, plain=left))
    assert found.name == expected
    assert f"{left:.3f} at 0.1" in found.sentence
    assert ("about half" in found.sentence) == (0.45 < left < 0.53)


@pytest.mark.parametrize(
    ("plain", "exact", "expected"),
    [
        (0.5, 0.47, ARITHMETIC),
        (0.5, 0.48, ARITHMETIC),
        (0.5, 0.481, NOT_ROBUST),
        (0.5, 0.53, NOT_ROBUST),
    ],
)
def test_a_loss_of_a_fiftieth_is_arithmetic(plain, exact, expected):
    found = decide(made(plain=plain, exact=exact))
    assert found.name == expected
    if expected == ARITHMETIC:
        assert f"leaves an accuracy of {plain:.3f}, and of {exact:.3f}" in found.sentence


def test_a_loss_whose_interval_has_0_in_it_is_not_decided():
    findings = made()
    # 130 images fall to the exact attack alone, 110 to the plain one alone.
    plain, exact = np.zeros((2, 1_000), bool)
    plain[:130], exact[130:240] = True, True
    mixed = replace(findings, headlines=(headline("fgsm", 0.1, plain, exact),))
    assert mixed.headlines[0].loss == pytest.approx(0.02)
    assert mixed.headlines[0].low < 0
    found = decide(mixed)
    assert found.name == NOT_DECIDABLE
    assert "1000 images are too few" in found.sentence
    # Of which 3 more are enough.
    exact[130:240] = False
    assert decide(replace(findings, headlines=(headline("fgsm", 0.1, plain, exact),))).name == (
        ARITHMETIC
    )


def test_a_mask_at_any_epsilon_is_a_mask_and_named():
    findings = made(epsilons=(0.05, 0.1, 0.3))
    hidden = headline("fgsm", 0.05, first(0.6, 1_000), first(0.4, 1_000))
    found = decide(replace(findings, headlines=(hidden, *findings.headlines[1:])))
    assert (found.name, found.epsilon) == (ARITHMETIC, 0.05)
    assert "FGSM at 0.05" in found.sentence
    assert "0.100 at 0.3" in found.sentence


@pytest.mark.parametrize("name", ["deterministic", "gradient", "differences", "noise"])
def test_a_gradient_that_is_not_the_functions_is_a_mask_of_the_model(name):
    found = decide(made(lights=red(name)))
    assert (found.name, found.reasons) == (MODEL, (name,))
    assert f"What {name} says." in found.sentence


def test_a_gradient_that_exact_arithmetic_has_is_no_mask_of_the_model():
    numbers = {"gradient": {"exact_zero": 0.019, "not_finite": 0.0}}
    assert named(lights=red("gradient"), numbers=numbers) == NOT_ROBUST


def test_a_layer_that_leaves_little_is_a_mask_only_where_something_fails():
    assert named(lights=red("layers")) == NOT_ROBUST
    for other in ("black_box", "unbounded", "falls", "one_step"):
        found = decide(made(lights=red("layers", other)))
        assert (found.name, found.reasons) == (MODEL, ("layers",))
    assert decide(made(lights=red("layers", "differences"))).reasons == ("differences", "layers")


def test_a_mask_that_hides_nothing_is_none():
    """The plain gradient is not that of the function, and finds all that is found."""
    found = decide(made(plain=0.11, left=0.1, lights=red("differences")))
    assert found.name == NOT_ROBUST
    assert "What differences says. Yet no attack finds more" in found.sentence
    # More is found; a better attack is missing; the model is random.
    assert named(plain=0.121, left=0.1, lights=red("differences")) == MODEL
    assert named(plain=0.11, left=0.1, lights=red("differences", "unbounded")) == MODEL
    assert named(plain=0.9, left=0.9, lights=red("differences")) == MODEL
    assert named(plain=0.11, left=0.1, lights=red("deterministic")) == MODEL


def test_where_both_mask_the_model_is_named_and_the_sentence_has_both():
    found = decide(made(plain=0.6, exact=0.5, lights=red("differences")))
    assert found.name == MODEL
    assert "Arithmetic masks, too: 0.100 of the accuracy under FGSM at 0.1" in found.sentence
    assert "the exact direction cures the last layer alone" in found.sentence.lower()


@pytest.mark.parametrize("name", ["black_box", "unbounded", "falls", "one_step"])
def test_gradients_that_miss_what_others_find_have_not_converged(name):
    found = decide(made(lights=red(name)))
    assert (found.name, found.reasons) == (NOT_CONVERGED, (name,))
    assert f"What {name} says." in found.sentence


def test_one_step_that_fails_where_many_succeed_is_no_fault_of_the_attack():
    numbers = {"one_step": {"one": 0.9, "many": 0.1, "more": -0.8, "low": -0.83}}
    found = decide(made(lights=red("one_step"), numbers=numbers))
    assert found.name == NOT_ROBUST
    assert "it leaves 0.900, many leave 0.100" in found.sentence


def test_effort_counts_only_where_it_could_change_the_answer():
    assert named(left=0.9, plain=0.9, lights=red("converged")) == NOT_CONVERGED
    assert named(left=0.1, lights=red("converged")) == NOT_ROBUST


def test_what_could_not_be_measured_is_not_decided():
    grey = {"differences": "grey"}
    found = decide(made(left=0.9, plain=0.9, lights=grey))
    assert (found.name, found.reasons) == (NOT_DECIDABLE, ("differences",))
    assert "What differences says." in found.sentence
    # Nothing finds more than the gradient: it hides nothing.
    assert named(left=0.1, plain=0.1, lights=grey) == NOT_ROBUST
    # What decides all the same.
    assert named(plain=0.5, exact=0.4, lights=grey) == ARITHMETIC
    assert named(lights={**grey, "zeros": "grey", "deterministic": "red"}) == MODEL
    assert named(left=0.9, plain=0.9, lights={"zeros": "grey", "wrappers": "grey"}) == ROBUST


def test_logits_that_are_lost_are_not_decided():
    assert named(left=0.9, plain=0.9, lights=red("output_kind")) == NOT_DECIDABLE
    assert named(left=0.9, plain=0.9, lights={"output_kind": "yellow"}) == ROBUST


@pytest.mark.parametrize(
    ("clean", "images", "expected"),
    [(0.11, 1_000, NOT_DECIDABLE), (0.13, 1_000, NOT_ROBUST), (0.3, 10, NOT_DECIDABLE)],
)
def test_an_accuracy_of_chance_is_not_decided(clean, images, expected):
    found = decide(made(clean=clean, images=images, left=0, plain=0))
    assert found.name == expected
    assert ("chance" in found.sentence) == (expected == NOT_DECIDABLE)


def test_one_answer_for_all_images_is_chance_whatever_the_labels():
    findings = made()
    labels = np.where(np.arange(1_000) < 950, 3, 4)
    all_3 = np.full(1_000, 3)
    same = replace(findings, labels=labels, predictions=all_3, clean=share(labels == all_3))
    assert decide(same).name == NOT_DECIDABLE


def test_few_images_decide_only_what_is_clear():
    assert named(images=20, clean=1, left=0.9, plain=0.9) == ROBUST
    assert named(images=20, clean=1, left=0.1, plain=0.1) == NOT_ROBUST
    found = decide(made(images=20, clean=1, left=0.6, plain=0.6))
    assert found.name == NOT_DECIDABLE
    assert "20 images are too few" in found.sentence


def test_quick_says_masked_or_not_robust_but_never_robust():
    assert named(quick=True, plain=0.9) == NOT_DECIDABLE
    assert named(quick=True, plain=0.1) == NOT_ROBUST
    assert named(quick=True, plain=0.9, exact=0.1) == ARITHMETIC
    assert named(quick=True, plain=0.9, lights=red("differences")) == MODEL
    assert "0.100 at 0.1" in decide(made(quick=True, plain=0.1)).sentence


def test_a_range_that_may_be_wrong_is_said_with_the_mask():
    doubt = {"pixel_range": "yellow"}
    assert "A wrong range masks" in decide(made(exact=0.3, lights=doubt)).sentence
    assert "A wrong range masks" not in decide(made(lights=doubt)).sentence


def test_sentences_are_short():
    for names in (["black_box", "unbounded", "falls", "one_step"], ["differences", "layers"]):
        found = decide(made(exact=0.3, lights=red(*names), epsilons=(0.1, 0.2, 0.3)))
        assert len(found.sentence.split()) < 80


def test_rates_are_shares_of_what_is_known():
    masked = [True, True, True, False, False]
    found = rates(masked, [MODEL, ARITHMETIC, NOT_DECIDABLE, ROBUST, MODEL])
    assert (found.misses.count, found.misses.of) == (1, 3)
    assert (found.false_alarms.count, found.false_alarms.of) == (1, 2)
    assert (found.unknown.count, found.unknown.of) == (1, 5)
    assert rates([False], [NOT_ROBUST]).misses is None
    assert set(EXIT_CODES.values()) == {0, 3, 4}


# --- Networks of which it is known ----------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize("known", controls.KNOWN, ids=lambda one: one.name)
def test_the_audit_says_of_a_control_what_is_known_of_it(digits, known):
    found = controls.audited(known, digits)
    assert found.verdict in known.verdicts, found.sentence
    assert (found.exit_code == 3) == known.masked


@pytest.fixture(scope="module")
def sound(digits):
    return controls.trained(digits)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("sound", NOT_ROBUST), ("times_1000", ARITHMETIC), ("quantised", MODEL), ("noisy", MODEL)],
)
def test_a_quick_audit_finds_the_masks(digits, sound, name, expected):
    network = sound if name == "sound" else getattr(controls, name)(sound)
    images, labels = (one[:100] for one in digits[1])
    found = mirage.audit(network, images, labels, epsilon=0.1, range=(0, 1), quick=True)
    assert found.verdict == expected, found.sentence


@pytest.mark.thorough
def test_with_l2_less_is_lost_to_arithmetic(digits):
    lost = [
        mirage.audit(one, *digits[1], epsilon=0.1, range=(0, 1), quick=True).findings.headlines[0]
        for one in (controls.overfitted(digits), controls.regularised(digits))
    ]
    assert lost[1].loss < lost[0].loss / 2


@pytest.mark.thorough
def test_one_step_looks_strong_after_training_on_it_and_the_verdict_is_that_of_many(digits):
    found = controls.audited(next(one for one in controls.KNOWN if one.name == "one_step"), digits)
    (sign,) = [one for one in found.findings.indicators if one.name == "one_step"]
    assert sign.light != "green"
    assert sign.numbers["one"] - sign.numbers["many"] >= 0.15
    assert "One step says little here" in found.sentence


@pytest.mark.thorough
def test_the_known_cases_of_the_guide_come_out_as_it_says():
    text = (ROOT / "docs/audit.md").read_text(encoding="utf-8").partition("## Known cases")[2]
    parts = re.findall(r"```python\n(.*?)```\n\n(?:\*(.*?)\*)?", text, re.S)
    assert len(parts) == 7
    names = {}
    for code, verdict in parts:
        exec(code, names)
        if verdict:
            assert names["found"].verdict == verdict, names["found"].sentence
