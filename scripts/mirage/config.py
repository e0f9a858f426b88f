"""The configuration: checked against the schema, completed, and laid out as a study.

Errors are collected and name the key, the value and what is allowed.
"""

import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import jsonschema
import yaml

# Attacks whose one gradient serves all epsilons: one job sweeps them.
ONE_STEP = ("fgsm",)
EMBEDDED = ("digits",)

TYPES = {
    "object": "a mapping of keys to values",
    "array": "a list",
    "string": "text in quotes",
    "number": "a finite number",
    "integer": "a whole number",
    "boolean": "true or false",
}


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


def read(config: Mapping, schema_file: Path) -> Study:
    """Check a configuration and lay it out.

    Args:
        config: As read from YAML; left as it is.
        schema_file: JSON Schema in YAML; its `default`s complete the configuration.

    Raises:
        ConfigError: Anything is wrong; the message has a line for each fault.
    """
    if not isinstance(config, Mapping):
        _refuse([f"it must be {TYPES['object']}, not {_shown(config)}"])
    schema = yaml.safe_load(schema_file.read_text())
    completed = _plain(config)
    faults = sorted(
        Validator(schema).iter_errors(completed), key=lambda fault: list(map(str, fault.path))
    )
    if faults:
        _refuse([sentence for fault in faults for sentence in _sentences(fault)])
    _complete(completed, schema, schema)
    faults = [*_order_faults(completed), *_reference_faults(completed)]
    if faults:
        _refuse(faults)
    study = Study(completed, tuple(_evaluations(completed)))
    faults = [*_repeated(study), *_figure_faults(study), *_summary_faults(study)]
    if faults:
        _refuse(faults)
    return study


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# JSON Schema takes 1.0 for an integer, but paths are made of seeds and epochs; and YAML can write
# numbers, .nan and .inf, that nothing can be trained with.
Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda _, value: _whole(value),
            "number": lambda _, value: (
                _whole(value) or (isinstance(value, float) and math.isfinite(value))
            ),
        }
    ),
)


def _plain(value: object) -> object:
    """A deep copy of dicts and lists, keys sorted: their order is no reason to run again."""
    if isinstance(value, Mapping):
        return {key: _plain(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _refuse(faults: list[str]) -> None:
    raise ConfigError(
        "the configuration cannot be run:\n  - " + "\n  - ".join(dict.fromkeys(faults))
    )


def _shown(value: object) -> str:
    """A value as it may stand in a sentence: not too long, and nothing Python's."""
    if value is None:
        return "an empty value"
    short = reprlib.Repr()
    short.maxstring = short.maxother = 60
    return short.repr(value)


def _named(names: list) -> str:
    return ", ".join(map(str, names)) or "none"


def _sentences(fault: jsonschema.ValidationError) -> list[str]:
    """A fault in words: key, value, and what is allowed."""
    key = ".".join(map(str, fault.absolute_path)) or "(top level)"
    value, rule, limit = fault.instance, fault.validator, fault.validator_value
    if rule == "oneOf":
        return _branch_sentences(fault, key)
    if rule == "additionalProperties":
        known = fault.schema.get("properties", {})
        unknown = ", ".join(repr(name) for name in value if name not in known)
        return [f"{key}: unknown key {unknown}; allowed are {_named(known)}"]
    if rule == "required":
        missing = [name for name in limit if name not in value]
        verb = "is" if len(missing) == 1 else "are"
        return [f"{key}: {', '.join(map(repr, missing))} {verb} missing"]
    wanted = {
        "enum": lambda: f"allowed are {_named(limit)}",
        "type": lambda: f"it must be {TYPES[limit]}",
        "minimum": lambda: f"it must be at least {limit}",
        "maximum": lambda: f"it must be at most {limit}",
        "exclusiveMinimum": lambda: f"it must be greater than {limit}",
        "exclusiveMaximum": lambda: f"it must be less than {limit}",
        "uniqueItems": lambda: "nothing may stand in it twice",
        "minItems": lambda: f"it needs at least {limit} of them",
        "maxItems": lambda: f"it takes at most {limit} of them",
        "minProperties": lambda: f"it needs at least {limit} of them",
        "pattern": lambda: "it must be written in another form",
    }.get(rule, lambda: fault.message)()
    return [_refusal(key, value, wanted, fault.schema)]


def _refusal(key: str, value: object, wanted: str, schema: Mapping) -> str:
    hint = schema.get("description", "").strip().rstrip(".")
    if isinstance(value, str) and TYPES["number"] in wanted:
        hint = "without quotes; YAML takes 1e-3 for text: write 0.001 or 1.0e-3"
    return f"{key}: {_shown(value)} is not allowed; {wanted}" + (f" ({hint})" if hint else "")


def _branch_sentences(fault: jsonschema.ValidationError, key: str) -> list[str]:
    """The faults of that branch of a `oneOf` which a value is meant to be.

    It is the branch whose constant (`name`, `method`) the value has, or else that of its type.
    """
    value, branches = fault.instance, fault.validator_value
    constants = [
        (name, content["const"])
        for branch in branches
        for name, content in branch.get("properties", {}).items()
        if isinstance(content, Mapping) and "const" in content
    ]
    faults_of = [
        [inner for inner in fault.context if inner.schema_path[0] == number]
        for number in range(len(branches))
    ]
    if constants and isinstance(value, dict):
        tag, allowed = constants[0][0], [constant for _, constant in constants]
        if tag not in value:
            return [f"{key}: {tag!r} is missing; allowed are {_named(allowed)}"]
        if value[tag] not in allowed:
            return [
                f"{key}.{tag}: {_shown(value[tag])} is not allowed; allowed are {_named(allowed)}"
            ]
        meant = faults_of[allowed.index(value[tag])]
    else:
        of_type = [
            faults
            for faults in faults_of
            if not any(inner.validator == "type" and not inner.path for inner in faults)
        ]
        if len(of_type) != 1:
            types = dict.fromkeys(TYPES[branch.get("type", "string")] for branch in branches)
            return [_refusal(key, value, f"it must be {' or '.join(types)}", fault.schema)]
        (meant,) = of_type
    return [sentence for inner in meant for sentence in _sentences(inner)]


def _complete(value: object, schema: Mapping, root: Mapping) -> None:
    """Fill in the schema's defaults, in place."""
    if "$ref" in schema:
        _complete(value, root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root)
    for branch in schema.get("oneOf", ()):
        if Validator({**branch, "$defs": root["$defs"]}).is_valid(value):
            _complete(value, branch, root)
    if isinstance(value, dict):
        for key, inner in schema.get("properties", {}).items():
            if isinstance(inner, dict) and "default" in inner:
                # Put in last whether given or not: giving a default is no reason to run again.
                value[key] = value.pop(key, _plain(inner["default"]))
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
    lists = {
        **{f"runs.{name}.epochs": run["epochs"] for name, run in config["runs"].items()},
        **{
            f"attacks.{name}.clip": attack["clip"]
            for name, attack in config["attacks"].items()
            if "clip" in attack
        },
    }
    return [
        f"{key}: {_shown(values)} must ascend, no number standing twice"
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
            faults.append(f"{key}: there is no {kind} {_shown(name)}; there are {_named(known)}")
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


def _figure_faults(study: Study) -> list[str]:
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
                    f"{where}.epochs: run {series['run']!r} has no checkpoint of {_shown(lacking)};"
                    f" it has {_named(run['epochs'])}"
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
        f"{key} {_named(wanted[key]) if key == 'epsilons' else wanted[key]}"
        for key in keys
        if key in wanted
    )
    return [f"{where}: no entry of evaluations measures {selection}"]


def _example_faults(study: Study, where: str, series: Mapping) -> list[str]:
    needed = ("attack", "dtype", "split", "epsilons", "epochs")
    missing = [key for key in needed if key not in series]
    if missing:
        return [f"{where}: a figure of examples needs {_named(missing)} as well"]
    faults = [
        f"{where}.{key}: {_shown(series[key])} is not allowed; a figure of examples takes one"
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
