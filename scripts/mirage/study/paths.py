"""Where results lie: patterns with Snakemake's wildcards, which read as sentences."""

import re
from collections.abc import Iterable, Mapping

from mirage.attacks.parameters import GRADIENTS
from mirage.data.columns import BARE
from mirage.study.audits import subjects
from mirage.study.study import Study


class Paths:
    """Patterns below one folder of results.

    `{drawn}` is -seed1 where the images of a split are drawn with seed 1, else nothing.
    `{size}` is eps{epsilon}, or `minimal` for an attack that takes none.
    """

    def __init__(self, results: str):
        """Lay all patterns out below the folder `results`."""
        attacked = "attacks/{run}/seed{seed}/{split}/{defence}/{attack}/{dtype}"
        self.results = results
        self.logs = f"{results}/logs"
        self.raw = f"{results}/data/raw"
        self.data = f"{results}/data/{{train}}-{{validation}}{{drawn}}/{{split}}.npz"
        chain = "{run}/seed{seed}/epoch{epoch}"
        self.checkpoint = f"{results}/checkpoints/{chain}.keras"
        self.history = f"{results}/checkpoints/{chain}.csv"
        self.perturbed = f"{results}/perturbed/{chain}/{{attack}}_{{size}}.npz"
        self.measures = f"{results}/measures/{{run}}/seed{{seed}}.csv"
        self.probe = f"{results}/probes/{{run}}/seed{{seed}}/{{probe}}.csv"
        measured = "{run}/seed{seed}/{split}/{defence}/{gradient}/{dtype}"
        self.gradients = f"{results}/gradients/{measured}.csv"
        self.sweep = f"{results}/{attacked}/sweep.csv"
        self.attack = f"{results}/{attacked}/eps{{epsilon}}.csv"
        self.minimal = f"{results}/{attacked}/minimal.csv"
        self.examples = f"{results}/{attacked}/examples_epoch{{epoch}}_{{size}}.npz"
        self.restarts = f"{results}/{attacked}/restarts_epoch{{epoch}}_eps{{epsilon}}.csv"
        self.audit = f"{results}/audits/{{audit}}/{{subject}}"
        self.table = f"{results}/tables/{{table}}"
        self.cells = f"{results}/tables/{{custom}}"
        self.figure = f"{results}/figures/{{figure}}"
        self.configuration = f"{results}/configuration.yaml"
        self.provenance = f"{results}/provenance.json"

    def log(self, output: str) -> str:
        """Where the job that writes a file logs: in the same place below the folder of logs."""
        inner = output.removeprefix(f"{self.results}/")
        return f"{self.logs}/{inner.rpartition('.')[0]}.log"


def constraints(study: Study) -> dict[str, str]:
    """What each wildcard may stand for, as regular expressions."""

    def names(given: Iterable[str]) -> str:
        return "|".join(map(re.escape, given)) or "none"

    return {
        "run": names(study.runs),
        "attack": names(study.config["attacks"]),
        "gradient": names(GRADIENTS),
        "probe": names(study.config["probes"]),
        "defence": names([BARE, *study.config["defences"]]),
        "audit": names(study.config["audits"]),
        "subject": names(dict.fromkeys(one.place for one in subjects(study.config))),
        "figure": names(study.config["figures"]),
        "custom": names(study.config["tables"]),
        "split": "train|validation|test",
        "dtype": "float16|bfloat16|float32|float64",
        **dict.fromkeys(("seed", "epoch", "train", "validation"), r"\d+"),
        "drawn": r"(?:-seed\d+)?",
        "epsilon": r"[0-9.]+",
        "size": r"minimal|eps[0-9.]+",
    }


def size(epsilon: str | None) -> str:
    """How paths name an epsilon, or that there is none."""
    return f"eps{epsilon}" if epsilon else "minimal"


def expand(pattern: str, values: Mapping[str, object]) -> list[str]:
    """All paths of a pattern: its wildcards' values, each one or several, crossed in its order."""
    paths = [pattern]
    for name in dict.fromkeys(re.findall(r"{(\w+)}", pattern)):
        given = values[name]
        several = given if isinstance(given, list | tuple) else [given]
        paths = [path.replace(f"{{{name}}}", str(one)) for path in paths for one in several]
    return paths
