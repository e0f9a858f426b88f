"""Every parameter is checked when a run is planned: what the code declares, the schema knows.

All are listed from where they are declared, so that a new one cannot be forgotten.
"""

import ast
import importlib
import inspect
import math
import re
from typing import get_args

import keras
import numpy as np
import pytest
from configurations import WORKFLOW, small

from mirage.attacks import gradients
from mirage.attacks.parameters import GRADIENTS, methods, parameters_of
from mirage.data import columns, datasets, folders, images
from mirage.data.register import SIZES
from mirage.models import defences, networks
from mirage.study import config, kinds, language, model_shown, study
from mirage.study.model import Configuration
from mirage.study.typed import json_schema

ROOT = WORKFLOW
RULES = json_schema(Configuration)
RUN = RULES["$defs"]["Run"]["properties"]
PACKAGE = WORKFLOW / "scripts/mirage"
# Keys of an attack that say which network gives the gradient.
OF_NETWORK = {"source", "adaptive", "exact"}
# What an objective is given by the training and not by a configuration of it.
OF_TRAINING = ("seed", "teacher")
# Keys of an attack or a probe that say of what it is made.
OF_JOB = {"checkpoints", "images"}


def modules(folder, function):
    """The modules of a folder that define this function."""
    found = (PACKAGE / folder).glob("*.py")
    return {path.stem for path in found if f"\ndef {function}(" in path.read_text()}


REQUIRED = inspect.Parameter.empty


def keywords(function, but):
    """The keyword-only parameters of a function with their defaults."""
    found = inspect.signature(function).parameters.values()
    return {
        one.name: one.default
        for one in found
        if one.kind is one.KEYWORD_ONLY and one.name not in but
    }


def fields(method):
    """The parameters of an attack with their defaults."""
    return {
        name: REQUIRED if one.is_required() else one.default
        for name, one in parameters_of(method).model_fields.items()
        if name != "method"
    }


def resolved(rule):
    """A rule of the schema, or the definition that it refers to."""
    return RULES["$defs"][rule["$ref"].rsplit("/", 1)[1]] if "$ref" in rule else rule


def branches(rule, tag):
    """The branches of a choice by their constant."""
    return {branch["properties"][tag]["const"]: branch for branch in map(resolved, rule["oneOf"])}


def entries(rule):
    """The rule of what stands in a mapping at any name."""
    (found,) = rule["patternProperties"].values()
    return found


ATTACK_BRANCHES = branches(entries(RULES["properties"]["attacks"]), "method")
DEFENCE_BRANCHES = branches(entries(RULES["properties"]["defences"]), "method")
OBJECTIVE_BRANCHES = branches(RUN["objective"], "name")
PROBE_BRANCHES = branches(entries(RULES["properties"]["probes"]), "method")
OPTIMIZER_BRANCHES = branches(RUN["optimizer"], "name")

FILTERS = {**defences.FILTERS, "bit_depth": defences.BitDepth}

# What is declared: the kind, its name, its parameters, the schema's branch and that branch's tag.
DECLARED = [
    *(("attacks", name, fields(name), ATTACK_BRANCHES[name]) for name in methods()),
    *(
        ("defences", name, keywords(function, ()), DEFENCE_BRANCHES[name])
        for name, function in FILTERS.items()
    ),
    *(
        (
            "probes",
            name,
            keywords(
                importlib.import_module(f"mirage.evaluation.probes.{name}").measure, ("seed",)
            ),
            PROBE_BRANCHES[name],
        )
        for name in sorted(modules("evaluation/probes", "measure"))
    ),
    *(
        (
            "objective",
            name,
            keywords(
                importlib.import_module(f"mirage.training.objectives.{name}").loss, OF_TRAINING
            ),
            OBJECTIVE_BRANCHES[name],
        )
        for name in sorted(modules("training/objectives", "loss"))
    ),
]
EACH = pytest.mark.parametrize(("kind", "name", "declared", "branch"), DECLARED)


def test_the_schema_has_all_attacks_defences_probes_and_objectives_and_no_other():
    assert modules("evaluation/probes", "measure") == set(PROBE_BRANCHES)
    assert modules("attacks", "attack") == set(ATTACK_BRANCHES)
    assert set(defences.METHODS) == set(DEFENCE_BRANCHES)
    assert modules("training/objectives", "loss") == set(OBJECTIVE_BRANCHES)


@EACH
def test_the_schema_has_all_parameters_and_no_other(kind, name, declared, branch):
    given = set(branch["properties"]) - {"method", "name"} - OF_NETWORK - OF_JOB
    assert given == set(declared)
    needed = {key for key, default in declared.items() if default is REQUIRED}
    assert set(branch["required"]) - {"method", "name"} == needed
    assert branch["additionalProperties"] is False


@EACH
def test_what_the_code_takes_where_nothing_is_given_is_allowed(kind, name, declared, branch):
    for key, value in declared.items():
        if value not in (REQUIRED, None):
            plain = list(value) if isinstance(value, tuple) else value
            assert told(kind, name, {key: plain}) == [], key


def example(kind, name):
    """A valid entry of an attack, a defence, a probe or an objective, with what it needs alone."""
    values = {
        **{"gradient": "exact_sign", "epsilon": "0.1", "clean_weight": 0.5, "steps": 1},
        **{"relative_step": 1, "sigma": 1, "cutoff": 1, "epsilons": ["0.1"]},
        **{"bits": 1, "temperature": 1, "beta": 1},
    }
    branch = {
        "attacks": ATTACK_BRANCHES,
        "defences": DEFENCE_BRANCHES,
        "probes": PROBE_BRANCHES,
        "objective": OBJECTIVE_BRANCHES,
    }[kind][name]
    return {key: values.get(key, name) for key in branch["required"]}


def told(kind, name, changed):
    """The faults that are told of one entry that stands in a valid configuration."""
    given = small()
    entry = {**example(kind, name), **changed}
    if kind == "objective":
        run = given["runs"]["one"]
        run["objective"] = entry
        if name == "distilled":
            teacher = {key: one for key, one in run.items() if key != "objective"}
            given["runs"]["teacher"] = teacher
            run["teacher"] = {"run": "teacher", "epoch": run["epochs"][-1]}
    else:
        given.setdefault(kind, {})["mine"] = entry
    try:
        config.read(given, WORKFLOW)
    except config.ConfigError as error:
        return str(error).splitlines()[1:]
    return []


@EACH
def test_a_value_of_another_kind_is_told_with_its_key(kind, name, declared, branch):
    assert told(kind, name, {}) == []
    place = "runs.one.objective" if kind == "objective" else f"{kind}.mine"
    for key in declared:
        for value in (None, "no-such-word", -1e9, -1, [], {}, [0.5], [1, 0], [-9, 9], math.nan):
            lines = told(kind, name, {key: value})
            # A change of -1 darkens a pixel, and a list may be of shares.
            if (name, key, value) in (
                *(("jsma", "theta", -1), ("contiguity", "mixed", [0.5])),
                ("contiguity", "mixed", [1, 0]),
            ):
                assert lines == []
                continue
            assert lines, (key, value)
            assert all(line.startswith(f"  - {place}.{key}") for line in lines), lines


def test_the_words_are_those_that_the_code_knows():
    assert tuple(gradients.LOSSES) == GRADIENTS
    assert get_args(model_shown.Dtype) == networks.DTYPES


def test_columns_are_those_of_the_tables_of_attacks_and_gradients():
    computed = {"clean_error", "seconds_per_image"}
    values = set(get_args(model_shown.Value)) - computed
    known = {*columns.COLUMNS["attacks"], *columns.COLUMNS["gradients"]}
    assert values | set(get_args(model_shown.Column)) <= known
    some = np.ones((1, 2), np.float32)
    assert tuple(gradients.masking(some, gradients.sign(some))) == columns.MASKING


@pytest.mark.parametrize("name", OPTIMIZER_BRANCHES)
def test_keras_takes_the_arguments_of_an_optimizer(name):
    given = small()
    given["runs"]["one"]["optimizer"] = {"name": name}
    completed = config.read(given, WORKFLOW).runs["one"]["optimizer"]
    assert set(completed) == set(OPTIMIZER_BRANCHES[name]["properties"])
    arguments = {key: value for key, value in completed.items() if key != "name"}
    assert keras.optimizers.get({"class_name": name, "config": arguments})
    for key in arguments:
        for value in (None, "much", -1, [], math.inf):
            given["runs"]["one"]["optimizer"] = {"name": name, key: value}
            with pytest.raises(config.ConfigError, match=rf"runs\.one\.optimizer\.{key}: "):
                config.read(given, WORKFLOW)


def test_the_sizes_of_the_data_sets_are_those_of_the_data(digits):
    (train, _), (test, _) = digits
    assert SIZES["digits"] == (len(train), len(test), math.prod(train.shape[1:]))
    files, colour = len(folders.CIFAR10_TRAIN), datasets.RECORD - 1
    assert SIZES["cifar10"] == (files * datasets.RECORDS, datasets.RECORDS, colour)


def test_an_attack_with_a_norm_is_in_linf_where_none_is_given():
    """So an epsilon above 1 is a mistake but where `norm: l2` stands."""
    for method in methods():
        if parameters_of(method).kind != "minimal":
            assert fields(method).get("norm", "linf") == "linf"


# --- Figures --------------------------------------------------------------------------------------


def looked_at(file, name):
    """The keys of a mapping called `name` that a file reads."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Subscript(value=ast.Name(id=known), slice=ast.Constant(value=str(key))):
                found |= {key} if known == name else set()
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=known), attr="get"),
                args=[ast.Constant(value=str(key)), *_],
            ):
                found |= {key} if known == name else set()
    return found


@pytest.mark.parametrize("plot", sorted(kinds.DEFAULTS))
def test_a_figure_takes_the_keys_that_its_plot_looks_at(plot):
    read = looked_at(PACKAGE / "reporting/plots" / f"{plot}.py", "figure")
    taken = {key for kind in kinds.KINDS if kind.plot == plot for key in kind.figure}
    assert read - {*kinds.OF_EVERY_FIGURE, *kinds.OF_THE_PLAN} == taken


def test_all_plots_and_all_keys_of_figures_are_known():
    figure = RULES["$defs"]["Figure"]["properties"]
    assert modules("reporting/plots", "draw") == set(kinds.DEFAULTS) == set(figure["plot"]["enum"])
    written = [
        *({"plot": "pictures", "show": show} for show in figure["show"]["enum"]),
        *({"plot": "lines", "y": y} for y in figure["y"]["oneOf"][0]["enum"]),
        *({"plot": plot} for plot in ("restarts", "ladder")),
    ]
    assert {kinds.kind(one).reads for one in written} == {kind.reads for kind in kinds.KINDS}
    assert len({(kind.plot, kind.reads) for kind in kinds.KINDS}) == len(kinds.KINDS)
    assert {kind.reads for kind in kinds.KINDS} <= {*columns.COLUMNS, *images.ARRAYS}
    keys = {key for kind in kinds.KINDS for key in kind.figure}
    assert keys | {*kinds.OF_EVERY_FIGURE, *language.NAMES} == set(figure)
    keys = {key for kind in kinds.KINDS for key in kind.series}
    selected = set(RULES["$defs"]["Selected"]["properties"])
    assert keys | set(language.DIMENSIONS) == selected


def test_folders_that_are_kept_are_those_of_git_and_of_make():
    ignored = (ROOT / ".gitignore").read_text()
    cleaned = (ROOT / "Makefile").read_text()
    assert set(re.findall(r"^!/results/([^/\n]+)/?$", ignored, re.M)) == set(study.KEPT)
    assert set(re.findall(r"find results .*! -name (\S+)", cleaned)) == set(study.KEPT)


def test_nothing_of_a_configuration_is_free_of_a_rule():
    """Each value of the schema has a type, a list of words, or a choice, and no key is free."""
    free, open_ = [], []

    def visit(rule, path):
        rule = resolved(rule)
        if not {"type", "enum", "const", "oneOf"} & set(rule):
            free.append(path)
        for number, branch in enumerate(rule.get("oneOf", ())):
            visit(branch, f"{path}[{number}]")
        if rule.get("type") == "object" and rule.get("additionalProperties", True) is True:
            open_.append(path)
        for key, inner in rule.get("properties", {}).items():
            visit(inner, f"{path}.{key}")
        if isinstance(rule.get("additionalProperties"), dict):
            visit(rule["additionalProperties"], f"{path}.*")
        for inner in rule.get("patternProperties", {}).values():
            visit(inner, f"{path}.*")
        for inner in (*rule.get("prefixItems", ()), *filter(None, [rule.get("items")])):
            visit(inner, f"{path}[]")

    visit(RULES, "")
    assert (free, open_) == ([], [])
