"""How often the audit errs, as docs/audit.md shows it.

PYTHONPATH=scripts python tests/helpers/audit_rates.py            the controls, audited now
PYTHONPATH=scripts python tests/helpers/audit_rates.py --others   the models of others, by the table
PYTHONPATH=scripts python tests/helpers/audit_rates.py --studies  those of the studies, by theirs
"""

import sys

import pandas as pd
from workflow import ROOT

from mirage.auditing.rates import rates

# Of studies/others, and of studies/audit.
TABLE = ROOT / "results/reference/audit/audits.csv"
STUDIES = ROOT / "results/reference/audit/controls.csv"
# Model -> the epsilons of these at which it was known to be masked, before there was an audit. Of
# one more that is not known.
EPSILONS = (0.1, 0.3)
MASKED = {"telo-ff": (0.1, 0.3), "deepgame": (0.3,)}
UNKNOWN = ("telo-cnn",)
WORDS = {True: "yes", False: "no", None: "?"}


def of_controls():
    """Name, epsilon, whether it is masked, accuracies and verdict, of each control."""
    import controls  # networks and their training, which the others do without

    from mirage.data import datasets

    digits = datasets.digits()
    for one in controls.KNOWN:
        found = controls.audited(one, digits)
        step, worst = found.findings.headlines[0], found.findings.worst[0]
        numbers = (step.plain.value, step.exact.value, worst.accuracy.value)
        yield one.name, one.epsilon, one.masked, numbers, found.verdict


def of_others():
    """The same of each published model, at two epsilons."""
    table = pd.read_csv(TABLE)
    shown = table[table["epsilon"].isin(EPSILONS)].sort_values(["model", "epsilon"])
    for one in shown.itertuples():
        masked = None if one.model in UNKNOWN else one.epsilon in MASKED.get(one.model, ())
        numbers = (one.fgsm_plain, one.fgsm_exact, one.worst_case)
        yield one.model, one.epsilon, masked, numbers, one.verdict


def lines(audits):
    """A table of audits, and the rates, each a line of Markdown."""
    yield "| model | epsilon | masked | plain | exact | all attacks | verdict |"
    yield "|:-|-:|:-|-:|-:|-:|:-|"
    known = []
    for name, epsilon, masked, numbers, verdict in audits:
        cells = (name, f"{epsilon:g}", WORDS[masked], *(f"{one:.3f}" for one in numbers), verdict)
        yield "| " + " | ".join(cells) + " |"
        if masked is not None:
            known.append((masked, verdict))
    found = rates(*zip(*known, strict=True))
    parts = {
        "False alarms": found.false_alarms,
        "Misses": found.misses,
        "Not known": found.unknown,
    }
    for name, one in parts.items():
        yield f"{name}: {one.count} of {one.of} ({one.low:.2f} to {one.high:.2f})."


def of_studies():
    """The audits of each network of the studies, all seeds in one line of Markdown."""
    yield "| network | epoch | epsilon | seeds | plain | exact | all attacks | verdict |"
    yield "|:-|-:|-:|-:|-:|-:|-:|:-|"
    table = pd.read_csv(STUDIES)
    for (_, *key), group in table.groupby(["audit", "model", "epoch", "epsilon"], sort=False):
        columns = (group[name] for name in ("fgsm_plain", "fgsm_exact", "worst_case"))
        # A quick audit makes no strong attack.
        ranges = (
            "" if one.isna().all() else f"{one.min():.3f} to {one.max():.3f}" for one in columns
        )
        counted = group["verdict"].value_counts()
        verdicts = ", ".join(
            verdict if len(counted) == 1 else f"{verdict}: {count}"
            for verdict, count in counted.items()
        )
        yield "| " + " | ".join([*map(str, key), str(len(group)), *ranges, verdicts]) + " |"


if __name__ == "__main__":
    if "--studies" in sys.argv:
        shown = of_studies()
    else:
        shown = lines(of_others() if "--others" in sys.argv else of_controls())
    for line in shown:
        print(line, flush=True)
