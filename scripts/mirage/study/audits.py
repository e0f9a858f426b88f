"""Audits of a configuration: spelled out, whether they fit, and what each job looks at.

Every fault is told in a sentence that names the key, the value and what is allowed.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mirage.data.register import SIZES
from mirage.study.sentences import named, shown


@dataclass(frozen=True)
class Subject:
    """What one job audits: a checkpoint, or else a model that others made.

    Attributes:
        audit: Name of the audit.
        run, seed, epoch: Of the checkpoint.
        model: Name of the model.
    """

    audit: str
    run: str | None = None
    seed: int | None = None
    epoch: int | None = None
    model: str | None = None

    @property
    def place(self) -> str:
        """Where it has its place in the folder of the audit."""
        return self.model or f"{self.run}/seed{self.seed}/epoch{self.epoch}"

    @property
    def title(self) -> str:
        """How pages and tables call it."""
        return self.model or f"{self.run}, seed {self.seed}, epoch {self.epoch}"


def planned(audit: Mapping, epsilons: Iterable[str]) -> dict:
    """An audit with lists of runs, epsilons and, where it names any, epochs.

    Args:
        audit: As it is written, defaults filled in.
        epsilons: Those that it names, by themselves or by the name of a grid.
    """
    found = {key: audit[key] for key in audit if key not in ("epoch", "epsilon")}
    if "run" in audit:
        found["run"] = audit["run"] if isinstance(audit["run"], list) else [audit["run"]]
    if "epoch" in audit:
        found["epochs"] = [audit["epoch"]]
    if "data" not in audit:
        found.setdefault("split", "test")
    return {**found, "epsilons": sorted(epsilons, key=float)}


def subjects(config: Mapping) -> list[Subject]:
    """All that a plan audits, in its order."""
    found = []
    for name, audit in config["audits"].items():
        for run in audit.get("run", ()):
            of_run = config["runs"][run]
            found += [
                Subject(name, run, seed, epoch)
                for seed in of_run["seeds"]
                for epoch in audit.get("epochs", of_run["epochs"][-1:])
            ]
        found += [Subject(name, model=model) for model in audit.get("models", ())]
    return found


def of_names(config: Mapping) -> Iterator[str]:
    """Runs that are not there, and audits that are of nothing or of too much.

    Args:
        config: The plan.
    """
    for name, audit in config["audits"].items():
        where = f"audits.{name}"
        if ("run" in audit) == ("models" in audit):
            yield f"{where}: it must have either 'run', or 'models'"
        for key, of in (("epochs", "run"), ("data", "models")):
            if key in audit and of not in audit:
                yield f"{where}.{key}: only with {of!r}"
        if "data" in audit and "split" in audit:
            yield f"{where}.split: it is of the data set, and not of {audit['data']}; leave it out"
        if not audit["epsilons"]:
            yield f"{where}: an epsilon is missing: epsilon or epsilons"
        runs = config["runs"]
        for run in audit.get("run", ()):
            if run not in runs:
                yield f"{where}.run: there is no run {shown(run)}; there are {named(runs)}"


def of_configuration(config: Mapping) -> Iterator[str]:
    """Audits of checkpoints, images or epsilons that there are not.

    Args:
        config: The plan, all of whose names are known.
    """
    for name, audit in config["audits"].items():
        where = f"audits.{name}"
        largest = 1.0
        if audit["norm"] == "l2":  # of other data it is the job that knows
            largest = math.inf if "data" in audit else math.sqrt(SIZES[config["dataset"]][2])
        for epsilon in audit["epsilons"]:
            if float(epsilon) == 0:
                yield f"{where}: epsilon {shown(epsilon)} must be above 0"
            elif float(epsilon) > largest:
                yield (
                    f"{where}: epsilon {shown(epsilon)} is too large; pixels lie in 0 to 1, and no "
                    f"two images are further apart than {largest:.3g}. An epsilon of 8 grey levels "
                    "is 8/255, 0.031"
                )
        for key, model in audit.get("models", {}).items():
            low, high = model.get("range", (0, 1))
            if not low < high:
                yield f"{where}.models.{key}.range: {shown([low, high])} must ascend"
        if "split" in audit:
            for run in audit.get("run", [None]):
                sizes = config["runs"].get(run, config)["split"]
                if not sizes.get(audit["split"], 1):
                    of = f" of run {run!r}" if run else ""
                    yield f"{where}.split: no validation images{of}; raise split.validation"
        for run in audit.get("run", ()):
            epochs = config["runs"][run]["epochs"]
            for epoch in audit.get("epochs", ()):
                if epoch not in epochs:
                    yield (
                        f"{where}: run {run!r} has no checkpoint of {epoch}; it has {named(epochs)}"
                    )


def place(audit: str, given: str, models: str, workflow: Path) -> str:
    """The path of a file that an audit names; of FILE.py:FUNCTION that of the file.

    Args:
        audit: Name of the audit: STUDY/NAME where a study has it.
        given: As it is written.
        models: Folder of the models; empty for the working folder.
        workflow: Folder of the workflow, with studies.
    """
    file, study = given.removesuffix(f":{function(given)}"), audit.rpartition("/")[0]
    return str(Path(workflow / "studies" / study if study and file != given else models, file))


def function(given: str) -> str:
    """The function of FILE.py:FUNCTION; empty for a file."""
    return given.rpartition(".py:")[2] if ".py:" in given else ""
