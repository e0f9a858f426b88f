"""An audit as text for a terminal: the verdict, and a table."""

import textwrap
from collections.abc import Iterator

from mirage.auditing.audited import Audit
from mirage.auditing.findings import Findings

LINES = 20  # of the table, at most
WIDTH = 100  # columns, at most
EPSILONS = 8  # that the table shows, at most
KIND = 8  # columns before a sentence


def of(audit: Audit) -> str:
    """The verdict with its sentence, and a table of at most 20 lines of 100 columns.

    The table has accuracies by epsilon, what others would report, the red and yellow indicators,
    and what a reader must know.
    """
    table = [*_accuracies(audit.findings), *_elsewhere(audit.findings)]
    told = [*_indicators(audit.findings), *(("note", one) for one in audit.about.notes)]
    if (over := len(told) + len(table) - LINES) > 0:
        told = [*told[: -over - 1], ("more", f"{over + 1} lines that audit.json has")]
    for kind, sentence in told:
        line = textwrap.shorten(sentence, WIDTH - KIND, placeholder=" ...")
        table.append(f"{kind:<{KIND}}{line}")
    return "\n".join([audit.verdict.upper(), textwrap.fill(audit.sentence, WIDTH), "", *table])


def _accuracies(found: Findings) -> Iterator[str]:
    """The clean accuracy, and that under attack by epsilon."""
    clean = found.clean
    accuracy = f"{clean.value:.3f} [{clean.low:.3f}, {clean.high:.3f}]"
    yield f"Accuracy on {found.images:,} images: {accuracy}; under attack in {found.norm}:"
    attacks = dict.fromkeys(one.attack.upper() for one in found.headlines)
    heads = "".join(f"{f'{name} plain':>14}{'exact':>8}{'lost':>8}" for name in attacks)
    yield f"epsilon{heads}" + ("    worst case" if found.worst else "")
    for epsilon in (shown := found.epsilons[-EPSILONS:]):
        numbers = "".join(
            f"{one.plain.value:14.3f}{one.exact.value:8.3f}{one.loss:8.3f}"
            for one in found.headlines
            if one.epsilon == epsilon
        )
        worst = (f"{one.accuracy.value:14.3f}" for one in found.worst if one.epsilon == epsilon)
        yield f"{epsilon:<7g}{numbers}{''.join(worst)}"
    if len(shown) < len(found.epsilons):
        yield f"and {len(found.epsilons) - len(shown)} smaller ones"


def _elsewhere(found: Findings) -> Iterator[str]:
    """Where the accuracy halves, and what others would report at the largest epsilon."""
    halves = (
        f"at {half:.3g} ({kind})" if half is not None else f"nowhere ({kind})"
        for kind, half in (("plain", found.curve.half_plain), ("exact", found.curve.half_exact))
    )
    yield f"Half of it is lost to one step {', '.join(halves)}."
    eyes = [one for one in found.eyes if one.epsilon == found.epsilons[-1]]
    if eyes:
        least, most = (one(eyes, key=lambda eye: eye.accuracy.value) for one in (min, max))
        ends = f"{least.accuracy.value:.3f}, whoever asks."
        if least.accuracy.value < most.accuracy.value:
            ends = f"{least.accuracy.value:.3f} to {most.accuracy.value:.3f} ({most.name})."
        yield f"FGSM at {most.epsilon:g} by others: {ends}"


def _indicators(found: Findings) -> Iterator[tuple[str, str]]:
    """The colour and the sentence of the indicators that are red, then yellow."""
    for light in ("red", "yellow"):
        for one in found.indicators:
            if one.light == light:
                yield light, f"{one.title}: {one.sentence}"
