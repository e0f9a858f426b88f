"""A study: a checked configuration with every attack of every run spelled out."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from mirage.attacks.parameters import parameters_of
from mirage.data.columns import BARE

# Folders under results/ that git tracks and `make clean` keeps.
KEPT = ("reference",)
# Tables that are there without being named in the configuration.
TABLES = ("attacks", "gradients", "measures", "history", "summary", "published", "claims", "audits")
# Columns that are the same for every attack.
CLEAN = ("clean_accuracy", "clean_error")
# What tells one measurement of a run from another; it has either an attack or a gradient.
SELECTED = ("run", "attack", "gradient", "dtype", "split", "defence")
# Keys of an attack that are not parameters of its method.
NOT_PARAMETERS = ("method", "source", "adaptive", "exact", "checkpoints", "images")


@dataclass(frozen=True)
class Evaluation:
    """One attack with one type of gradient on one split of one run, at several epsilons.

    No epsilons where the attack takes none; `images` is how many of the split are attacked, from
    the first on, None being all.
    """

    run: str
    attack: str
    dtype: str
    split: str
    defence: str
    epsilons: tuple[str, ...]
    images: int | None


@dataclass(frozen=True)
class Gradient:
    """The measures of one gradient on one split of one run; `images` as of an evaluation."""

    run: str
    gradient: str
    dtype: str
    split: str
    defence: str
    images: int | None = None
    epsilons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Study:
    """A checked and completed configuration with its evaluations spelled out.

    Attributes:
        config: The plan, see `mirage.study.language`.
        evaluations: The attacks that have to be measured.
        gradients: The gradients that have to be measured.
        probed: The probes that have to be taken: a run, and the probe's name.
        claims: Of the studies and of the configuration.
        claim_files: Where those of the studies stand.
        twins: Attacks, and for each the one that takes its place in a claim's second verdict.
    """

    config: dict
    evaluations: tuple[Evaluation, ...]
    gradients: tuple[Gradient, ...] = ()
    probed: tuple[tuple[str, str], ...] = ()
    claims: tuple[dict, ...] = ()
    claim_files: tuple[Path, ...] = ()
    twins: Mapping[str, str] = field(default_factory=dict)

    @property
    def runs(self) -> dict:
        """Runs by name."""
        return self.config["runs"]

    def epochs(self, run: str, given: Mapping) -> list[int]:
        """The epochs at which an attack or a probe, as it is written, looks at a run."""
        epochs = self.runs[run]["epochs"]
        return epochs[-1:] if given.get("checkpoints") == "last" else epochs

    def kind(self, attack: str) -> str:
        """The kind of jobs of an attack, see `mirage.attacks.parameters.AttackParameters`."""
        return parameters_of(self.config["attacks"][attack]["method"]).kind

    def chosen(self, series: Mapping) -> list[Evaluation] | list[Gradient]:
        """What a figure's series draws on: evaluations, at the epsilons it names, else at all.

        Where it names a gradient, these are gradients. A series that names no defence draws on the
        bare network.
        """
        wanted = {"defence": BARE, **series}
        keys = tuple(key for key in SELECTED if key in wanted)
        found = self._index(keys).get(tuple(wanted[key] for key in keys), ())
        if "epsilons" not in wanted:
            return list(found)
        return [
            replace(one, epsilons=tuple(wanted["epsilons"]))
            for one in found
            if set(wanted["epsilons"]) <= set(one.epsilons)
        ]

    def _index(self, keys: tuple[str, ...]) -> dict[tuple, list]:
        """Evaluations, or gradients, by their values of some keys; each job looks for its own."""
        if keys not in self._indices:
            index = self._indices[keys] = defaultdict(list)
            for one in self.gradients if "gradient" in keys else self.evaluations:
                index[tuple(getattr(one, key) for key in keys)].append(one)
        return self._indices[keys]

    @cached_property
    def _indices(self) -> dict[tuple, dict]:
        return {}


def evaluations(config: Mapping) -> list[Evaluation]:
    """The evaluations that a completed configuration asks for, in its order."""
    return [
        Evaluation(
            run,
            attack,
            dtype,
            split,
            defence,
            tuple(entry.get("epsilons", ())),
            entry.get("images"),
        )
        for entry in config["evaluations"]
        for run in entry["runs"]
        for attack in entry["attacks"]
        for dtype in entry.get("dtypes", [config["runs"][run]["dtype"]])
        for split in entry["splits"]
        for defence in entry["defences"]
    ]


def cell_series(cell: Mapping) -> dict:
    """What a table's cell selects, as a series of a figure would."""
    series = {key: cell[key] for key in SELECTED if key in cell}
    return series | ({"epsilons": [cell["epsilon"]]} if "epsilon" in cell else {})
