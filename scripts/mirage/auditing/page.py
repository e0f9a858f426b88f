"""The page of an audit: one HTML file that needs no other, for a reader in a hurry first."""

from collections.abc import Iterator
from pathlib import Path

import jinja2

from mirage.auditing import pictures, verdict
from mirage.auditing.attempts import ATTACKS
from mirage.auditing.audited import Audit
from mirage.auditing.findings import Attempt, Example, Eye, Findings, Worst

TEMPLATE = "audit.html.j2"
# The light of each exit code: not masked, masked, not known.
LIGHTS = {0: "green", 3: "red", 4: "yellow"}
# What to do after each verdict.
NEXT = {
    verdict.ARITHMETIC: (
        "Do not cite the accuracy under the plain gradient.",
        "Attack with the exact sign: follow the gradient of the log-odds below, not that of the "
        "cross-entropy. Its direction is the same, and it does not underflow.",
    ),
    verdict.MODEL: ("Do not cite an accuracy under attacks that follow this gradient.",),
    verdict.NOT_CONVERGED: ("Do not cite an accuracy yet: a better attack would find more.",),
    verdict.NOT_DECIDABLE: ("Do not cite an accuracy yet.",),
    verdict.NOT_ROBUST: (
        "The measured accuracy can be trusted: it is low, and arithmetic is not the reason.",
        "Cite the worst case over all attacks, with its interval.",
        "To make a model that is robust, train it on adversarial examples (Madry et al. 2017).",
    ),
    verdict.ROBUST: (
        "Cite the worst case over all attacks, with its interval and this list of attacks.",
        "An attack that is made for this very model may still find more. Try one.",
    ),
}
# And after an indicator that decided.
_SMOOTH = (
    "Put a smooth function in the place of the layer that stops the gradient, on the way back "
    "alone (BPDA, Athalye et al. 2018), or attack without a gradient."
)
AFTER = {
    "gradient": _SMOOTH,
    "differences": _SMOOTH,
    "layers": _SMOOTH,
    "deterministic": "Average the gradient over many draws (EOT, Athalye et al. 2018).",
    "noise": "Average the gradient over points around the image, or attack without a gradient.",
    "output_kind": "Give the model without its last layer, so that it gives logits.",
    "one_step": "Attack with many steps: one step says nothing of this model.",
    "converged": "Give the attack more steps and starts, until nothing changes.",
    "best_iterate": "Keep the best point of an attack, not the last.",
    "black_box": (
        "Search longer without a gradient: the Square Attack with 5,000 queries (queries=5_000)."
    ),
    "unbounded": "Find what stops the attack: with no bound, each image must fall.",
    "falls": "Find what stops the attack: in a larger ball, no image may be safer.",
}


def page(audit: Audit) -> str:
    """The page of an audit, as HTML.

    It asks for nothing from elsewhere, and runs no script. The same audit gives the same page.

    Args:
        audit: As `mirage.audit` gives it.
    """
    found, decision = audit.findings, audit.decision
    at = [one for one in found.headlines if one.epsilon == decision.epsilon]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=_percent, hundredths=_hundredths, sized=_sized)
    order = ("red", "yellow", "grey", "green")
    lights = [one.light for one in found.indicators]
    return environment.get_template(TEMPLATE).render(
        about=audit.about,
        model=Path(audit.about.model).name or audit.about.model,
        decision=decision,
        found=found,
        light=LIGHTS[audit.exit_code],
        arithmetic=audit.verdict == verdict.ARITHMETIC,
        headline=max(reversed(at), key=lambda one: one.loss),
        worst=next((one for one in found.worst if one.epsilon == decision.epsilon), None),
        steps=tuple(_steps(audit)),
        attempts=_attempts(found.worst),
        missing=_missing(found),
        eyes=_eyes(found.eyes),
        indicators=sorted(found.indicators, key=lambda one: order.index(one.light)),
        counts={light: lights.count(light) for light in order},
        shown=_pictures(found),
        examples=[(one, _before_and_after(one)) for one in found.examples],
    )


def _percent(value: float) -> str:
    return f"{_hundredths(value)}\u202f%"


def _hundredths(value: float) -> str:
    """A share in percent, without the sign; no minus before what rounds to 0."""
    return f"{round(100 * value, 1) + 0.0:.1f}".replace("-", "\u2212")


def _sized(epsilon: float) -> str:
    return f"{epsilon:.3g}"


def _steps(audit: Audit) -> Iterator[str]:
    """What to do next, a sentence or two each."""
    yield from NEXT[audit.verdict]
    yield from dict.fromkeys(AFTER[name] for name in audit.decision.reasons if name in AFTER)
    if audit.findings.quick and audit.verdict == verdict.NOT_DECIDABLE:
        yield "Audit it again without --quick (in Python: quick=False)."
    elif audit.verdict == verdict.NOT_DECIDABLE:
        yield "Look at the indicators that are not green: they say what is missing."


def _attempts(worst: tuple[Worst, ...]) -> list[tuple[str, str, tuple[Attempt, ...]]]:
    """Title and budget of each attack, and what it did at each epsilon: the same were made."""
    made = zip(*(one.attempts for one in worst), strict=True)
    return [(ATTACKS[each[0].attack].title, each[0].budget, each) for each in made]


def _missing(found: Findings) -> list[str]:
    """Attacks that were not made here."""
    made = {each.attack for one in found.worst for each in one.attempts}
    return [attack.title for name, attack in ATTACKS.items() if name not in made]


def _eyes(found: tuple[Eye, ...]) -> list[list[Eye]]:
    """What each way to ask reports, by epsilon."""
    names = dict.fromkeys(one.name for one in found)
    return [[one for one in found if one.name == name] for name in names]


def _pictures(found: Findings) -> dict[str, str | None]:
    return {
        "headlines": pictures.headlines(found.headlines, found.clean),
        "curve": pictures.curve(found.curve, found.epsilons),
        "margins": pictures.margins(found.margins),
        "signs": found.signs and pictures.signs(found.signs),
    }


def _before_and_after(example: Example) -> dict[str, str | None]:
    return {
        "clean": pictures.image(example.image),
        "plain": pictures.image(example.plain),
        "exact": pictures.image(example.exact),
    }
