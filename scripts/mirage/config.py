"""The configuration: checked against the schema, completed, and laid out as a study.

Errors are collected and name the key, the value and what is allowed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import yaml

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
        """The evaluations a figure's series draws on."""
        keys = [key for key in ("run", "attack", "dtype", "split") if key in series]
        wanted = set(series.get("epsilons", ()))
        return [
            evaluation
            for evaluation in self.evaluations
            if all(getattr(evaluation, key) == series[key] for key in keys)
            and wanted <= set(evaluation.epsilons)
        ]


def read(config: Mapping, schema_file: Path) -> Study:
    """Check a configuration and lay it out.

    Args:
        config: As read from YAML; left as it is.
        schema_file: JSON Schema in YAML; its `default`s complete the configuration.

    Raises:
        ConfigError: Anything is wrong; the message has a line for each fault.
    """
    schema = yaml.safe_load(schema_file.read_text())
    completed = yaml.safe_load(yaml.safe_dump(dict(config)))  # a deep copy of plain data
    validator = jsonschema.Draft202012Validator(schema)
    faults = sorted(validator.iter_errors(completed), key=lambda error: list(error.path))
    if faults:
        _refuse([_sentence(fault) for fault in faults])
    _complete(completed, schema, schema)
    faults = [*_order_faults(completed), *_reference_faults(completed)]
    if faults:
        _refuse(faults)
    study = Study(completed, tuple(_evaluations(completed)))
    faults = [*_repeated(study), *_missing_rows(study)]
    if faults:
        _refuse(faults)
    return study


def _refuse(faults: list[str]) -> None:
    raise ConfigError("the configuration cannot be run:\n  - " + "\n  - ".join(faults))


def _sentence(error: jsonschema.ValidationError) -> str:
    """One fault in words: key, value, and what is allowed."""
    if error.context:
        # Of the branches of a oneOf, speak of the one that the value is meant to be: the one
        # whose constant `name` or `method` it has, or the one of its type.
        branches: dict[int, list[jsonschema.ValidationError]] = {}
        for inner in error.context:
            branches.setdefault(inner.schema_path[0], []).append(inner)
        meant = [
            faults
            for faults in branches.values()
            if not any(
                fault.validator == "const" or (fault.validator == "type" and not fault.path)
                for fault in faults
            )
        ]
        if len(meant) == 1:
            return _sentence(meant[0][0])
    key = ".".join(str(part) for part in error.absolute_path) or "(top level)"
    value = error.instance
    rule, limit = error.validator, error.validator_value
    if rule == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = [name for name in value if name not in known]
        names = ", ".join(map(repr, unknown))
        return f"{key}: unknown key {names}; allowed are {', '.join(known)}"
    if rule == "required":
        missing = [name for name in limit if name not in value]
        return f"{key}: {' and '.join(map(repr, missing))} is missing"
    allowed = {
        "enum": lambda: "allowed are " + ", ".join(map(str, limit)),
        "const": lambda: f"allowed is {limit}",
        "type": lambda: f"must be of type {limit}",
        "minimum": lambda: f"must be at least {limit}",
        "maximum": lambda: f"must be at most {limit}",
        "exclusiveMinimum": lambda: f"must be greater than {limit}",
        "exclusiveMaximum": lambda: f"must be less than {limit}",
        "uniqueItems": lambda: "must not name anything twice",
        "minItems": lambda: f"needs at least {limit} entries",
        "maxItems": lambda: f"takes at most {limit} entries",
        "minProperties": lambda: f"needs at least {limit} entries",
        "pattern": lambda: f"must match {limit}",
        "oneOf": lambda: "fits none of the allowed forms",
    }.get(rule, lambda: error.message)()
    hint = error.schema.get("description", "")
    return f"{key}: {value!r} {allowed}" + (f" ({hint.rstrip('.')})" if hint else "")


def _complete(value: object, schema: Mapping, root: Mapping) -> None:
    """Fill in the schema's defaults, in place."""
    if "$ref" in schema:
        _complete(value, root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root)
    for branch in schema.get("oneOf", ()):
        if jsonschema.Draft202012Validator({**branch, "$defs": root["$defs"]}).is_valid(value):
            _complete(value, branch, root)
    if isinstance(value, dict):
        for key, inner in schema.get("properties", {}).items():
            if isinstance(inner, dict) and "default" in inner:
                value.setdefault(key, yaml.safe_load(yaml.safe_dump(inner["default"])))
        others = schema.get("additionalProperties")
        for key, item in value.items():
            inner = schema.get("properties", {}).get(key, others)
            if isinstance(inner, dict):
                _complete(item, inner, root)
    elif isinstance(value, list) and "items" in schema:
        for item in value:
            _complete(item, schema["items"], root)


def _order_faults(config: Mapping) -> list[str]:
    """Lists that must ascend and do not."""
    return [
        f"runs.{name}.epochs: {run['epochs']} must ascend, each epoch standing once"
        for name, run in config["runs"].items()
        if run["epochs"] != sorted(set(run["epochs"]))
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
            ("summary.columns", column["attack"], attacks)
            for column in config["summary"]["columns"]
        ),
        *(
            (f"figures.{name}.series", series[kind], known)
            for name, figure in config["figures"].items()
            for series in figure["series"]
            for kind, known in (("run", runs), ("attack", attacks))
            if kind in series
        ),
    ]
    faults = []
    for key, name, known in used:
        if name not in known:
            kind = "run" if known is runs else "attack"
            faults.append(f"{key}: there is no {kind} {name!r}; there are {', '.join(known)}")
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


def _missing_rows(study: Study) -> list[str]:
    """Figures and columns of the summary that ask for what no evaluation measures."""
    faults = []
    for name, figure in study.config["figures"].items():
        for number, series in enumerate(figure["series"]):
            where = f"figures.{name}.series.{number}"
            lacking = [
                epoch
                for epoch in series.get("epochs", ())
                if epoch not in study.runs[series["run"]]["epochs"]
            ]
            if lacking:
                faults.append(f"{where}: run {series['run']!r} has no checkpoint {lacking}")
            if figure["plot"] in ("by_epoch", "by_epsilon") and not study.chosen(series):
                faults.append(f"{where}: {dict(series)} is measured by no entry of evaluations")
            needed = ("attack", "dtype", "split", "epsilons", "epochs")
            if figure["plot"] == "examples" and not all(key in series for key in needed):
                faults.append(f"{where}: a figure of examples needs {', '.join(needed)}")
    summary = study.config["summary"]
    for run in summary["runs"]:
        for column in summary["columns"]:
            wanted = {
                "run": run,
                "attack": column["attack"],
                "dtype": column["dtype"],
                "split": summary["split"],
                "epsilons": [summary["epsilon"]],
            }
            if not study.chosen(wanted):
                faults.append(f"summary: {wanted} is measured by no entry of evaluations")
    return faults
