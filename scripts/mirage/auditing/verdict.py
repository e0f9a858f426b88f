"""Robust, masked, or not known: one verdict from all that was found.

What decides is told in the order of `decide`; thresholds stand in `mirage.auditing.thresholds`.
"""

from dataclasses import dataclass

import numpy as np

from mirage.auditing.findings import Findings, Headline, Indicator, Share
from mirage.auditing.statistics import share
from mirage.auditing.thresholds import FEW, HALF, LOSS

ROBUST = "robust against all that was tried"
ARITHMETIC = "masked by arithmetic"
MODEL = "masked by the model"
NOT_CONVERGED = "attack not converged"
NOT_DECIDABLE = "not decidable"
NOT_ROBUST = "not robust, and not masked"
# What a command ends with: 0 not masked, 3 masked, 4 not known.
EXIT_CODES = {
    ROBUST: 0,
    NOT_ROBUST: 0,
    ARITHMETIC: 3,
    MODEL: 3,
    NOT_CONVERGED: 4,
    NOT_DECIDABLE: 4,
}
# Indicators that say: the gradient is not that of the function; it misses what is there.
_GRADIENT = ("gradient", "deterministic", "differences", "noise")
_MISSES = ("black_box", "unbounded", "falls")
# All that can be the reason of a verdict.
REASONS = (*_GRADIENT, "layers", *_MISSES, "one_step", "converged", "output_kind")


@dataclass(frozen=True)
class Verdict:
    """What an audit says of a model.

    Attributes:
        name: A key of `EXIT_CODES`.
        sentence: The numbers that decided, for a reader who reads nothing else.
        epsilon: At which they were measured.
        reasons: Those of `REASONS` that decided; none where the headline or the worst case
            did.
    """

    name: str
    sentence: str
    epsilon: float
    reasons: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """What a command ends with."""
        return EXIT_CODES[self.name]


def decide(findings: Findings) -> Verdict:
    """Give the verdict of an audit: the first of these that can be said.

    1. *Not decidable*: the clean accuracy cannot be told from chance.
    2. *Masked by the model*: the gradient is not that of the function, and what it misses counts.
    3. *Masked by arithmetic*: at some epsilon the loss is at least `LOSS`, and its interval
       excludes 0. The model comes first, since the exact direction cures the last layer alone.
    4. *Attack not converged*: black box or one step find what many steps do not, or effort counts.
    5. *Not decidable*: what would have told a mask could not be measured, or the images are too
       few.
    6. *Robust* or *not robust*: of the images that are right without an attack at least `HALF`
       stay right, or fewer. *Not decidable* where these are fewer than `FEW`, and the interval has
       `HALF` in it; or where one step finds nothing, and more were not tried.
    """
    judges = (_chance, _model, _arithmetic, _not_converged, _unmeasured)
    return next((one for judge in judges if (one := judge(findings))), None) or _robust(findings)


# --- Judges, in the order of `decide` -------------------------------------------------------------


def _chance(findings: Findings) -> Verdict | None:
    """Whether the accuracy is that of answers which know nothing of the images.

    With p_c the share of class c among the labels and q_c that among the answers, such answers
    are right for sum_c p_c q_c of the images (Cohen 1960, as in his kappa).
    """
    labels, answers = findings.labels, findings.predictions
    chance = sum((labels == one).mean() * (answers == one).mean() for one in np.unique(labels))
    if findings.clean.low > chance:
        return None
    return Verdict(
        NOT_DECIDABLE,
        f"Without an attack the accuracy is {_words(findings.clean)}, of {findings.images} images; "
        f"chance alone gives {chance:.3f}. Are labels and range of pixels those of the model?",
        findings.epsilons[-1],
        (),
    )


def _model(findings: Findings) -> Verdict | None:
    harmless = _harmless(findings)
    # Of a random model no number is that of the model, whatever is found.
    found = [one for one in _signs(findings) if one.name == "deterministic" or not harmless]
    # A small factor is no mask by itself: something else must say that gradients fail.
    if (layers := _red(findings).get("layers")) and (found or _failing(findings)):
        found.append(layers)
    if not found:
        return None
    shown = found[:1] + [one for one in found[1:] if one.name == "layers"]
    sentence = " ".join([*(one.sentence for one in shown), _left(findings)])
    if lost := _lost(findings):
        sentence += (
            f" Arithmetic masks, too: {lost.loss:.3f} of the accuracy under {_named(lost)}. The "
            "exact direction cures the last layer alone."
        )
    return _because(MODEL, sentence, findings, found)


def _arithmetic(findings: Findings) -> Verdict | None:
    if not (lost := _lost(findings)):
        return None
    sentence = (
        f"{_named(lost)} leaves an accuracy of {lost.plain.value:.3f}, and of "
        f"{lost.exact.value:.3f} with the exact direction: {lost.loss:.3f} ({lost.low:.3f} to "
        f"{lost.high:.3f}) is arithmetic. {_left(findings)}"
    )
    return Verdict(ARITHMETIC, sentence + _doubt(findings), lost.epsilon, ())


def _not_converged(findings: Findings) -> Verdict | None:
    found = _failing(findings)
    red = _red(findings)
    # More effort cannot make robust what is not.
    if "converged" in red and _kept(findings).high >= HALF:
        found.append(red["converged"])
    if not found:
        return None
    sentence = " ".join([*(one.sentence for one in found), _left(findings)])
    return _because(NOT_CONVERGED, sentence, findings, found)


def _unmeasured(findings: Findings) -> Verdict | None:
    by_name = {one.name: one for one in findings.indicators}
    found = [
        by_name[name]
        for name, light in (("differences", "grey"), ("output_kind", "red"))
        if name in by_name and by_name[name].light == light
    ]
    if found and not _harmless(findings):
        sentence = " ".join([*(one.sentence for one in found), _left(findings)])
        sentence += " Whether a gradient is missed cannot be told."
        return _because(NOT_DECIDABLE, sentence, findings, found)
    if wide := max(
        (one for one in findings.headlines if one.loss >= LOSS), key=_loss, default=None
    ):
        sentence = (
            f"{findings.images} images are too few: of the accuracy under {_named(wide)} "
            f"{wide.loss:.3f} may be arithmetic, but the interval, {wide.low:.3f} to "
            f"{wide.high:.3f}, has 0 in it."
        )
        return Verdict(NOT_DECIDABLE, sentence, wide.epsilon, ())
    return None


def _robust(findings: Findings) -> Verdict:
    kept, left, epsilon = _kept(findings), _left(findings), findings.epsilons[-1]
    straddles = kept.low < HALF <= kept.high
    if straddles and kept.of < FEW:
        sentence = (
            f"{left} {kept.of} images are too few to tell whether half of them stay right: "
            f"{_words(kept)}."
        )
        return Verdict(NOT_DECIDABLE, sentence, epsilon, ())
    robust = kept.value >= HALF
    if robust and findings.quick:
        sentence = f"{left} No sign of a mask was found, but more than one step was not tried."
        return Verdict(NOT_DECIDABLE, sentence, epsilon, ())
    sentence = left
    if straddles:
        sentence += f" That is about half of it: {_words(kept)}."
    if signs := _signs(findings):
        sentence += f" {signs[0].sentence} Yet no attack finds more than it does."
    else:
        sentence += " No sign of a mask was found."
    one_step = next((one for one in findings.indicators if one.name == "one_step"), None)
    if one_step and one_step.light != "green":
        one, many = (one_step.numbers[name] for name in ("one", "many"))
        sentence += f" One step says little here: it leaves {one:.3f}, many leave {many:.3f}."
    return Verdict(ROBUST if robust else NOT_ROBUST, sentence, epsilon, ())


# --- What they look at ----------------------------------------------------------------------------


def _red(findings: Findings) -> dict[str, Indicator]:
    return {one.name: one for one in findings.indicators if one.light == "red"}


def _signs(findings: Findings) -> list[Indicator]:
    """Indicators which say that the gradient is not that of the function."""
    red = _red(findings)
    if (one := red.get("gradient")) and one.numbers["exact_zero"] + one.numbers[
        "not_finite"
    ] < LOSS:
        del red["gradient"]  # it is there in exact arithmetic
    return [red[name] for name in _GRADIENT if name in red]


def _lost(findings: Findings) -> Headline | None:
    """The headline with the largest loss that counts."""
    counts = (one for one in findings.headlines if one.low > 0 and one.loss >= LOSS)
    return max(counts, key=_loss, default=None)


def _loss(headline: Headline) -> float:
    return headline.loss


def _failing(findings: Findings) -> list[Indicator]:
    """Indicators which say that gradients miss what is there."""
    red = _red(findings)
    found = [red[name] for name in _MISSES if name in red]
    # Where many steps find more than one it is the step that fails, which nobody has to rely on.
    if (one := red.get("one_step")) and one.numbers["more"] >= LOSS and one.numbers["low"] > 0:
        found.append(one)
    return found


def _harmless(findings: Findings) -> bool:
    """Whether nothing that was tried finds more than the gradient as it is: no mask then counts.

    And the model is not robust: else it may be that nothing finds what is there.
    """
    plain = {one.epsilon: one.plain.value for one in findings.headlines}  # of the strongest
    worst = {one.epsilon: one.accuracy.value for one in findings.worst}
    least = all(left - worst.get(epsilon, 0) < LOSS for epsilon, left in plain.items())
    return least and _kept(findings).high < HALF and not _failing(findings)


def _kept(findings: Findings) -> Share:
    """Of the images that are right without an attack, the share that is right in the worst case."""
    clean = findings.predictions == findings.labels
    if findings.worst:
        return share(findings.worst[-1].misled_by[clean] == "")
    return share(findings.headlines[-1].right_exact[clean])


# --- Words ----------------------------------------------------------------------------------------


def _because(name: str, sentence: str, findings: Findings, found: list[Indicator]) -> Verdict:
    return Verdict(name, sentence, findings.epsilons[-1], tuple(one.name for one in found))


def _words(one: Share) -> str:
    return f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"


def _named(one: Headline) -> str:
    return f"{one.attack.upper()} at {one.epsilon:g}"


def _left(findings: Findings) -> str:
    """What is left of the accuracy at each epsilon."""
    if findings.worst:
        who, left = (
            "All attacks together leave",
            [(one.epsilon, one.accuracy) for one in findings.worst],
        )
    else:
        who, left = (
            "One exact step leaves",
            [(one.epsilon, one.exact) for one in findings.headlines],
        )
    values = ", ".join(f"{one.value:.3f} at {epsilon:g}" for epsilon, one in left)
    return f"{who} an accuracy of {values} ({findings.clean.value:.3f} without an attack)."


def _doubt(findings: Findings) -> str:
    """What a range of pixels that may be wrong has to do with a mask."""
    found = [one for one in findings.indicators if one.name == "pixel_range"]
    doubtful = any(one.light == "yellow" for one in found)
    return f" {found[0].sentence} A wrong range masks by itself." if doubtful else ""
