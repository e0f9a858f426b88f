"""What is asked of the measured numbers, on two cores, and whether each is met."""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.comparison import LIMIT, Row
from benchmarks.growth import ALLOWED, CASES, Peak

COMPARISONS = {"at least": operator.ge, "at most": operator.le}
EPOCH = "training epoch, mlp-200-300, {}"


@dataclass
class Target:
    """What is asked of one number.

    Args:
        text: What the number is.
        at: `at least` or `at most`.
        asked: The limit.
        unit: Printed after the numbers.
        measured: The number, None where this run did not measure it.
    """

    text: str
    at: str
    asked: float
    unit: str
    measured: float | None

    @property
    def verdict(self) -> str:
        """`met`, `not met` or `not measured`."""
        if self.measured is None:
            return "not measured"
        return "met" if COMPARISONS[self.at](self.measured, self.asked) else "not met"

    def cells(self) -> list[str]:
        """The line of the table: what, asked, measured, verdict."""
        measured = "" if self.measured is None else f"{self.measured:,.3g}{self.unit}"
        return [self.text, f"{self.at} {self.asked:g}{self.unit}", measured, self.verdict]


def targets(
    rows: Sequence[Row], runs: Mapping[str, Mapping[str, float]], peaks: Sequence[Peak] = ()
) -> list[Target]:
    """All targets, in the order in which they are printed.

    Args:
        rows: Of the comparisons made.
        runs: Of the `make` targets run: seconds of wall time, and `overhead`, the share of it that
            went into start-up and Snakemake.
        peaks: The memory of single jobs.
    """
    ratios = {(row.comparison, row.side): row.ratio for row in rows}

    def faster(comparison: str, side: str, asked: float) -> Target:
        return Target(
            f"{comparison}: times as fast as {side}",
            *("at least", asked, "x", ratios.get((comparison, side))),
        )

    found = []
    for dtype, asked in (("float32", 5), ("float64", 3.5)):
        found.append(faster(EPOCH.format(dtype), "Keras fit", asked))
        limit = ratios.get((EPOCH.format(dtype), LIMIT))
        found.append(
            Target(
                f"{EPOCH.format(dtype)}: times the arithmetic limit",
                *("at most", 1.5, "x", 1 / limit if limit else None),
            )
        )
    for comparison, peers in {
        "FGSM at ten epsilons": {"Foolbox": 5, "CleverHans": 5, "ART": 15},
        # The same asked of the whole sweep: the images alone are work that Foolbox and ART cannot
        # be asked for without more.
        "FGSM at ten epsilons, with the accuracies": {"Foolbox": 5, "CleverHans": 5, "ART": 15},
        "PGD, 40 steps": {"Foolbox": 2.5, "CleverHans": 1.5},
        "DeepFool": {"Foolbox": 5, "ART": 100, "ART, its own batch size": 100},
        "JSMA": {"ART": 20, "ART, its own batch size": 20},
        "audit: FGSM": {"Foolbox": 1.5, "ART": 3},
        "audit: PGD, 20 steps": {"Foolbox": 1.5, "ART": 3},
        "audit: Auto-PGD, 40 steps": {"ART": 3},
        "audit: Auto-PGD on DLR, 40 steps": {"ART": 3},
        "audit: Square Attack, 500 queries": {"ART": 3},
    }.items():
        found += [faster(comparison, side, asked) for side, asked in peers.items()]
    for name, asked in (("quick", 90), ("tour", 300), ("reproduce", 7200)):
        seconds = runs.get(name, {}).get("seconds")
        found.append(Target(f"make {name}: wall time", "at most", asked, " s", seconds))
    overhead = runs.get("reproduce", {}).get("overhead")
    found.append(
        Target(
            "make reproduce: start-up and Snakemake, of the wall time",
            *("at most", 20, " %", None if overhead is None else 100 * overhead),
        )
    )
    memory = dict.fromkeys(CASES) | {(p.work, p.epochs, p.epsilons): p.peak_mb for p in peaks}
    for (work, epochs, epsilons), peak in memory.items():
        one = memory[work, 1, min(epsilons, 1)]
        for number, what in ((epochs, "epochs"), (epsilons, "epsilons")):
            if number > 1:
                ratio = peak / one if peak and one else None
                text = f"memory of {work}, {number} {what}: times that of one"
                found.append(Target(text, "at most", ALLOWED, "x", ratio))
    return found
