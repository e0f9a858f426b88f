"""The configuration: checked against the schema, completed, and laid out as a study.

Errors are collected and name the key, the value and what is allowed.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from mirage.schemas import TYPES, Validator, complete, named, plain, sentences, shown

# Attacks whose one gradient serves all epsilons: one job sweeps them.
ONE_STEP = ("fgsm",)
EMBEDDED = ("digits",)


class ConfigError(ValueError):
    """A configuration that cannot be run; the message lists every fault found."""


@dataclass(frozen=True)
class Evaluation:
    """One attack with one type of gradient on one split of one run, at several epsilons."""

    run: str
    attack: str
    dtype: str
    split: str
    epsilons: tuple[str, ...]


@dataclass(frozen=True)
class Study:
    """A checked and completed configuration with its evaluations spelled out."""

    config: dict
    evaluations: tuple[Evaluation, ...]

    @property
    def runs(self) -> dict:
        """Runs by name."""
        return self.config["runs"]

    def chosen(self, series: Mapping) -> list[Evaluation]:
        """The evaluations a figure's series draws on, at the epsilons it names, else at all."""
        keys = [key for key in ("run", "attack", "dtype", "split") if key in series]
        return [
            replace(evaluation, epsilons=tuple(series.get("epsilons", evaluation.epsilons)))
            for evaluation in self.evaluations
            if all(getattr(evaluation, key) == series[key] for key in keys)
            and set(series.get("epsilons", ())) <= set(evaluation.epsilons)
        ]


def read(config: Mapping, schema_file: Path, published: Collection[str] | None = None) -> Study:
    """Check a configuration and lay it out.

    Args:
        config: As read from YAML; left as it is.
        schema_file: JSON Schema in YAML; its `default`s complete the configuration.
        published: Names of the published series that figures may show; any where it is None.

    Raises:
        ConfigError: Anything is wrong; the message has a line for each fault.
    """
    if not isinstance(config, Mapping):
        _refuse([f"it must be {TYPES['object']}, not {shown(config)}"])
    schema = yaml.safe_load(schema_file.read_text())
    completed = plain(config)
    faults = sorted(
        Validator(schema).iter_errors(completed),
        key=lambda fault: list(map(str, fault.path)),
    )
    if faults:
        _refuse([sentence for fault in faults for sentence in sentences(fault)])
    complete(completed, schema, schema)
    faults = [*_order_faults(completed), *_reference_faults(completed)]
    if faults:
        _refuse(faults)
    study = Study(completed, tuple(_evaluations(completed)))
    faults = [*_repeated(study), *_figure_faults(study, published), *_summary_faults(study)]
    if faults:
        _refuse(faults)
    return study


def _refuse(faults: list[str]) -> None:
    raise ConfigError(
        "the configuration cannot be run:\n  - " + "\n  - ".join(dict.fromkeys(faults))
    )


def _order_faults(config: Mapping) -> list[str]:
    """Lists that must ascend and do not."""
    lists = {
        **{f"runs.{name}.epochs": run["epochs"] for name, run in config["runs"].items()},
        **{
            f"attacks.{name}.clip": attack["clip"]
            for name, attack in config["attacks"].items()
            if "clip" in attack
        },
    }
    return [
        f"{key}: {shown(values)} must ascend, no number standing twice"
        for key, values in lists.items()
        if values != sorted(set(values))
    ]


def _reference_faults(config: Mapping) -> list[str]:
    """Names that stand for nothing."""
    runs, attacks = config["runs"], config["attacks"]
    used = [
        *(
            (f"evaluations.{number}.{kind}", name, known)
            for number, entry in enumerate(config["evaluations"])
            for kind, known in (("runs", runs), ("attacks", attacks))
            for name in entry[kind]
        ),
        *(
            (f"attacks.{name}.source", attack["source"], runs)
            for name, attack in attacks.items()
            if "source" in attack
        ),
        *(("summary.runs", name, runs) for name in config["summary"]["runs"]),
        *(
            (f"summary.columns.{number}.attack", column["attack"], attacks)
            for number, column in enumerate(config["summary"]["columns"])
        ),
        *(
            (f"figures.{name}.series.{number}.{kind}", series[kind], known)
            for name, figure in config["figures"].items()
            for number, series in enumerate(figure["series"])
            for kind, known in (("run", runs), ("attack", attacks))
            if kind in series
        ),
    ]
    faults = []
    for key, name, known in used:
        if name not in known:
            kind = "run" if known is runs else "attack"
            faults.append(f"{key}: there is no {kind} {shown(name)}; there are {named(known)}")
    if faults:
        return faults
    for number, entry in enumerate(config["evaluations"]):
        for attack in entry["attacks"]:
            source = attacks[attack].get("source")
            for run in entry["runs"] if source else ():
                for key in ("seeds", "epochs"):
                    lacking = [x for x in runs[run][key] if x not in runs[source][key]]
                    if lacking:
                        faults.append(
                            f"evaluations.{number}: attack {attack!r} on run {run!r} takes its "
                            f"gradient from run {source!r}, which lacks the {key} {lacking}"
                        )
    return faults


def _evaluations(config: Mapping) -> list[Evaluation]:
    return [
        Evaluation(run, attack, dtype, split, tuple(entry["epsilons"]))
        for entry in config["evaluations"]
        for run in entry["runs"]
        for attack in entry["attacks"]
        for dtype in entry.get("dtypes", [config["runs"][run]["dtype"]])
        for split in entry["splits"]
    ]


def _repeated(study: Study) -> list[str]:
    """Evaluations listed twice: their epsilons belong in one list."""
    seen, faults = set(), []
    for one in study.evaluations:
        key = (one.run, one.attack, one.dtype, one.split)
        if key in seen:
            faults.append(
                f"evaluations: attack {one.attack!r} in {one.dtype} on run {one.run!r}, split "
                f"{one.split!r}, is listed twice; put its epsilons into one entry"
            )
        seen.add(key)
    return faults


def _figure_faults(study: Study, published: Collection[str] | None) -> list[str]:
    """Figures that ask for what no evaluation measures, or for more than their plot can show."""
    faults = []
    for name, figure in study.config["figures"].items():
        if figure["plot"] == "examples" and len(figure["series"]) > 1:
            faults.append(f"figures.{name}.series: a figure of examples takes one series")
        for number, series in enumerate(figure["series"]):
            where = f"figures.{name}.series.{number}"
            run = study.runs[series["run"]]
            lacking = [epoch for epoch in series.get("epochs", ()) if epoch not in run["epochs"]]
            if lacking:
                faults.append(
                    f"{where}.epochs: run {series['run']!r} has no checkpoint of {shown(lacking)};"
                    f" it has {named(run['epochs'])}"
                )
            shows = series.get("published")
            if shows and published is not None and shows not in published:
                faults.append(
                    f"{where}.published: there is no series {shows!r} in "
                    f"resources/published/series.csv; there are {named(sorted(published))}"
                )
            match figure["plot"]:
                case "by_epoch" | "by_epsilon":
                    faults += _unmeasured(study, where, series)
                case "examples":
                    faults += _example_faults(study, where, series)
    return faults


def _unmeasured(study: Study, where: str, wanted: Mapping) -> list[str]:
    if study.chosen(wanted):
        return []
    keys = ("run", "attack", "dtype", "split", "epsilons")
    selection = ", ".join(
        f"{key} {named(wanted[key]) if key == 'epsilons' else wanted[key]}"
        for key in keys
        if key in wanted
    )
    return [f"{where}: no entry of evaluations measures {selection}"]


def _example_faults(study: Study, where: str, series: Mapping) -> list[str]:
    needed = ("attack", "dtype", "split", "epsilons", "epochs")
    missing = [key for key in needed if key not in series]
    if missing:
        return [f"{where}: a figure of examples needs {named(missing)} as well"]
    faults = [
        f"{where}.{key}: {shown(series[key])} is not allowed; a figure of examples takes one"
        for key in ("epsilons", "epochs")
        if len(series[key]) > 1
    ]
    if "source" in study.config["attacks"][series["attack"]]:
        faults.append(f"{where}.attack: a figure of examples cannot show a transfer attack")
    return faults


def _summary_faults(study: Study) -> list[str]:
    """Columns of the summary that no evaluation measures."""
    summary = study.config["summary"]
    return [
        fault
        for run in summary["runs"]
        for number, column in enumerate(summary["columns"])
        for fault in _unmeasured(
            study,
            f"summary.columns.{number}",
            {
                "run": run,
                "attack": column["attack"],
                "dtype": column["dtype"],
                "split": summary["split"],
                "epsilons": [summary["epsilon"]],
            },
        )
    ]
