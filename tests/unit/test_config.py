"""The configuration: what is shipped is accepted, and every fault is told in a sentence."""

import copy
from collections import OrderedDict
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mirage import config

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "schemas/config.schema.yaml"
SHIPPED = [ROOT / "config.yaml", ROOT / "config/quick.yaml", ROOT / "config/test.yaml"]
QUICK = yaml.safe_load((ROOT / "config/quick.yaml").read_text())

RUN = {
    "network": "mlp-16",
    "dtype": "float32",
    "optimizer": {"name": "adam"},
    "learning_rate": 0.01,
    "epochs": [1, 3],
    "seeds": [1, 2],
}


@pytest.fixture
def given_config():
    """A small valid configuration, for a test to spoil."""
    series = {"run": "one", "attack": "fgsm", "dtype": "float32", "split": "test"}
    text = {"title": "", "caption": "", "category": ""}
    return {
        "dataset": "digits",
        "split": {"train": 100, "validation": 10},
        "runs": {"one": copy.deepcopy(RUN), "other": copy.deepcopy(RUN)},
        "attacks": {
            "fgsm": {"method": "fgsm", "gradient": "exact_sign"},
            "transfer": {"method": "fgsm", "gradient": "exact_sign", "source": "other"},
            "pgd": {"method": "pgd", "gradient": "exact_sign", "steps": 2},
        },
        "evaluations": [
            {"runs": ["one"], "attacks": ["fgsm", "transfer"], "epsilons": ["0.05", "0.1"]},
            {"runs": ["one"], "attacks": ["pgd"], "epsilons": ["0.05", "0.1", "0.2"]},
        ],
        "figures": {
            "lines": {"plot": "by_epoch", **text, "series": [{**series, "epsilons": ["0.1"]}]},
            "digits": {
                "plot": "examples",
                **text,
                "series": [{**series, "epsilons": ["0.1"], "epochs": [3]}],
            },
        },
        "summary": {
            "runs": ["one"],
            "split": "test",
            "epsilon": "0.1",
            "columns": [{"label": "FGSM", "attack": "fgsm", "dtype": "float32"}],
        },
    }


MISSING = object()


def put(configuration, path, value):
    """Set what stands at a dotted path; MISSING takes it away."""
    *above, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    for key in above:
        configuration = configuration[key]
    if value is MISSING:
        del configuration[last]
    elif isinstance(configuration, list) and last == len(configuration):
        configuration.append(value)
    else:
        configuration[last] = value


def faults(configuration):
    """The faults that are told, one a line."""
    with pytest.raises(config.ConfigError) as caught:
        config.read(configuration, SCHEMA)
    first, *lines = str(caught.value).splitlines()
    assert first == "the configuration cannot be run:"
    assert all(line.startswith("  - ") for line in lines)
    return [line.removeprefix("  - ") for line in lines]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda path: path.name)
def test_shipped_configurations_are_accepted(file):
    study = config.read(yaml.safe_load(file.read_text()), SCHEMA)
    assert study.evaluations
    assert set(study.runs) == {one.run for one in study.evaluations} | set(study.runs)


def test_defaults_are_filled_in_and_what_is_given_is_left_as_it_is(given_config):
    before = copy.deepcopy(given_config)
    completed = config.read(given_config, SCHEMA).config
    assert given_config == before
    assert completed["data_folder"] == ""
    run = completed["runs"]["one"]
    assert (run["batch_size"], run["l2"]) == (100, 0.0)
    assert run["objective"] == {"name": "cross_entropy"}
    assert run["optimizer"] == {"name": "adam", "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}
    assert [entry["splits"] for entry in completed["evaluations"]] == [["test"], ["test"]]


def test_defaults_are_those_of_the_branch_that_is_chosen(given_config):
    given_config["runs"]["one"]["optimizer"] = {"name": "sgd"}
    mixed = {"name": "fgsm_mixed", "clean_weight": 0.5, "epsilon": "0.1"}
    given_config["runs"]["one"]["objective"] = mixed
    run = config.read(given_config, SCHEMA).runs["one"]
    assert run["optimizer"] == {"name": "sgd", "momentum": 0.0}
    assert run["objective"] == {**mixed, "gradient": "cross_entropy_mean"}


def test_the_order_of_keys_and_a_default_that_is_given_change_nothing(given_config):
    """Neither may be a reason to run again, so the parameters of jobs must be the same text."""
    other = copy.deepcopy(given_config)
    for name, rate in (("one", {"initial": 1, "decay_epochs": 2}), ("other", 0.1)):
        given_config["runs"][name]["learning_rate"] = rate
    other["runs"]["one"]["learning_rate"] = {"decay_epochs": 2, "initial": 1}
    other["runs"]["other"]["learning_rate"] = 0.1
    other["runs"]["one"]["optimizer"] = {"beta_1": 0.9, "name": "adam"}
    other["runs"]["one"]["l2"] = 0.0
    other = dict(reversed(other.items()))
    one, two = (config.read(c, SCHEMA).config for c in (given_config, other))
    assert yaml.safe_dump(one, sort_keys=False) == yaml.safe_dump(two, sort_keys=False)


def test_a_json_file_is_as_good_as_yaml(given_config):
    """Snakemake reads JSON into ordered dicts."""
    given_config["runs"] = OrderedDict(given_config["runs"])
    assert config.read(OrderedDict(given_config), SCHEMA)


def test_evaluations_are_spelled_out_in_the_type_of_the_run_if_no_other_is_given(given_config):
    given_config["evaluations"][1] |= {"dtypes": ["float16", "float64"], "splits": ["train"]}
    found = config.read(given_config, SCHEMA).evaluations
    assert [(one.attack, one.dtype, one.split) for one in found] == [
        ("fgsm", "float32", "test"),
        ("transfer", "float32", "test"),
        ("pgd", "float16", "train"),
        ("pgd", "float64", "train"),
    ]
    assert found[0].epsilons == ("0.05", "0.1")


def test_a_series_draws_on_the_epsilons_it_names_and_on_no_other(given_config):
    study = config.read(given_config, SCHEMA)
    series = {"run": "one", "attack": "pgd"}
    assert [one.epsilons for one in study.chosen(series)] == [("0.05", "0.1", "0.2")]
    assert [one.epsilons for one in study.chosen({**series, "epsilons": ["0.1"]})] == [("0.1",)]
    assert study.chosen({**series, "epsilons": ["0.1", "0.3"]}) == []


NO_FORM = "must be written in another form"

SPOILED = [
    # where, what is put there, where the fault is told, what is told of it
    ("evaluations.0.epsilons.0", "-0.1", "", ["'-0.1'", NO_FORM, '"0.05"']),
    ("evaluations.0.epsilons.0", "0.10", "", ["'0.10'", NO_FORM, "shortest"]),
    ("evaluations.0.epsilons.0", "1e-5", "", ["'1e-5'", NO_FORM, "decimal"]),
    ("evaluations.0.epsilons.0", 0.1, "", ["0.1 is not", "must be text in quotes"]),
    ("evaluations.0.epsilons", [], "", ["[]", "at least 1"]),
    ("evaluations.0.epsilons", ["0.1", "0.1"], "", ["['0.1', '0.1']", "twice"]),
    ("evaluations.0.dtypes", ["float23"], "evaluations.0.dtypes.0", ["'float23'", "bfloat16"]),
    ("evaluations.0.splits", ["all"], "evaluations.0.splits.0", ["'all'", "train, validation"]),
    ("evaluations.0.runs.0", "two", "evaluations.0.runs", ["no run 'two'", "one, other"]),
    ("evaluations.0.attacks.0", "cw", "evaluations.0.attacks", ["'cw'", "fgsm, pgd, transfer"]),
    ("evaluations", None, "", ["an empty value", "must be a list"]),
    ("dataset", "cifar", "", ["'cifar'", "mnist, fashion_mnist, digits"]),
    ("split.train", 0, "", ["0 is not", "at least 1"]),
    ("colour", "red", "(top level)", ["'colour'", "dataset, data_folder, split, runs"]),
    ("runs", {}, "", ["{}", "at least 1"]),
    ("runs", None, "", ["an empty value", "must be a mapping"]),
    ("runs.one", None, "", ["an empty value", "must be a mapping"]),
    ("runs.Upper", RUN, "runs", ["'Upper'", NO_FORM, "lower-case"]),
    ("runs.one.lr", 0.1, "runs.one", ["'lr'", "network, dtype, optimizer, learning_rate"]),
    ("runs.one.network", MISSING, "runs.one", ["'network' is missing"]),
    ("runs.one.network", "resnet", "", ["'resnet'", NO_FORM, "mlp-200-300"]),
    ("runs.one.dtype", "float23", "", ["'float23'", "allowed are float32, float64"]),
    ("runs.one.epochs", [3, 1], "", ["[3, 1]", "must ascend"]),
    ("runs.one.epochs", [1, 1], "", ["[1, 1]", "twice"]),
    ("runs.one.epochs", [1.0, 3], "runs.one.epochs.0", ["1.0", "must be a whole number"]),
    ("runs.one.epochs", [0, 3], "runs.one.epochs.0", ["0 is not", "at least 1"]),
    ("runs.one.seeds", [2, 2], "", ["[2, 2]", "twice"]),
    ("runs.one.seeds", [True], "runs.one.seeds.0", ["True", "must be a whole number"]),
    ("runs.one.learning_rate", -1, "", ["-1", "greater than 0"]),
    ("runs.one.learning_rate", float("nan"), "", ["nan", "finite number"]),
    ("runs.one.learning_rate", float("inf"), "", ["inf", "finite number"]),
    ("runs.one.learning_rate", "1e-3", "", ["'1e-3'", "number or a mapping", "0.001 or 1.0e-3"]),
    ("runs.one.learning_rate", {"initial": 1}, "", ["'decay_epochs' is missing"]),
    ("runs.one.l2", -0.1, "", ["-0.1", "at least 0"]),
    ("runs.one.optimizer", "adam", "", ["'adam'", "mapping"]),
    ("runs.one.optimizer", {}, "", ["'name' is missing", "adam, sgd"]),
    ("runs.one.optimizer.name", "lion", "", ["'lion'", "allowed are adam, sgd"]),
    ("runs.one.optimizer.momentum", 0.9, "runs.one.optimizer", ["'momentum'", "beta_1, beta_2"]),
    ("runs.one.objective", {"name": "trades"}, "runs.one.objective.name", ["'trades'", "fgsm_mix"]),
    (
        "runs.one.objective",
        {"name": "fgsm_mixed", "clean_weight": 0.9},
        "",
        ["'epsilon' is missing"],
    ),
    (
        "runs.one.objective",
        {"name": "fgsm_mixed", "clean_weight": 2, "epsilon": "0.1"},
        "runs.one.objective.clean_weight",
        ["2 is not", "at most 1"],
    ),
    ("attacks.fgsm.method", "cw", "", ["'cw'", "allowed are fgsm, pgd"]),
    ("attacks.fgsm.method", MISSING, "attacks.fgsm", ["'method' is missing", "fgsm, pgd"]),
    ("attacks.fgsm.gradient", MISSING, "attacks.fgsm", ["'gradient' is missing"]),
    ("attacks.fgsm.steps", 3, "attacks.fgsm", ["'steps'", "fill_zeros"]),
    ("attacks.pgd.steps", 0, "", ["0 is not", "at least 1"]),
    ("attacks.pgd.clip", [1, 0], "", ["[1, 0]", "must ascend"]),
    ("attacks.pgd.clip", [0], "", ["[0]", "at least 2"]),
    ("attacks.transfer.source", "two", "", ["no run 'two'", "one, other"]),
    ("summary.epsilon", "0.2", "summary.columns.0", ["run one", "attack fgsm", "epsilons 0.2"]),
    ("summary.columns.0.dtype", "float64", "summary.columns.0", ["dtype float64"]),
    ("summary.columns.0.attack", "cw", "", ["no attack 'cw'", "fgsm, pgd, transfer"]),
    ("summary.runs", ["other"], "summary.columns.0", ["no entry of evaluations", "run other"]),
    ("summary", MISSING, "(top level)", ["'summary' is missing"]),
    ("figures.lines.plot", "pie", "", ["'pie'", "by_epoch, by_epsilon"]),
    ("figures.lines.y", "speed", "", ["'speed'", "allowed are accuracy, zero_share"]),
    ("figures.lines.y", ["speed"], "figures.lines.y.0", ["'speed'", "allowed are accuracy"]),
    ("figures.lines.series", [], "", ["[]", "at least 1"]),
    ("figures.lines.series.0.run", "two", "", ["no run 'two'", "one, other"]),
    ("figures.lines.series.0.epsilons", ["0.3"], "figures.lines.series.0", ["epsilons 0.3"]),
    ("figures.lines.series.0.split", "train", "figures.lines.series.0", ["split train"]),
    ("figures.lines.series.0.epochs", [2], "", ["run 'one'", "[2]", "it has 1, 3"]),
    ("figures.digits.series.1", {"run": "one"}, "figures.digits.series", ["takes one series"]),
    ("figures.digits.series.0.epochs", [1, 3], "", ["[1, 3]", "takes one"]),
    ("figures.digits.series.0.epochs", MISSING, "figures.digits.series.0", ["needs epochs"]),
    ("figures.digits.series.0.attack", "transfer", "", ["cannot show a transfer attack"]),
]


@pytest.mark.parametrize(("path", "value", "where", "told"), SPOILED)
def test_a_fault_is_told_with_its_key_its_value_and_what_is_allowed(
    given_config, path, value, where, told
):
    put(given_config, path, value)
    lines = faults(given_config)
    assert any(
        line.startswith(f"{where or path}: ") and all(part in line for part in told)
        for line in lines
    ), lines
    # One fault, one line; but an example's key that no longer holds may be told as well.
    assert len(lines) == 1 or path == "figures.digits.series.1"


def test_all_faults_are_told_at_once(given_config):
    put(given_config, "runs.one.network", MISSING)
    put(given_config, "runs.one.dtype", MISSING)
    put(given_config, "runs.other.learning_rate", -1)
    put(given_config, "attacks.pgd", {"method": "pgd", "gradient": "sign", "steps": 0, "speed": 1})
    lines = faults(given_config)
    assert len(lines) == 5
    assert lines[-2:] == [
        "runs.one: 'network', 'dtype' are missing",
        "runs.other.learning_rate: -1 is not allowed; it must be greater than 0",
    ]


def test_names_that_stand_for_nothing_are_all_told(given_config):
    put(given_config, "evaluations.0.runs.0", "two")
    put(given_config, "attacks.transfer.source", "three")
    put(given_config, "summary.columns.0.attack", "cw")
    assert len(faults(given_config)) == 3


@pytest.mark.parametrize(("key", "value"), [("seeds", [1, 2, 3]), ("epochs", [1, 2, 3])])
def test_a_transfer_source_must_have_the_seeds_and_epochs_of_its_target(given_config, key, value):
    put(given_config, f"runs.one.{key}", value)
    (line,) = faults(given_config)
    assert line.startswith("evaluations.0: attack 'transfer' on run 'one'")
    assert f"run 'other', which lacks the {key} [{({'seeds': 3, 'epochs': 2})[key]}]" in line


def test_a_transfer_source_may_have_more_seeds_and_epochs_than_its_target(given_config):
    put(given_config, "runs.other.seeds", [3, 2, 1])
    put(given_config, "runs.other.epochs", [1, 2, 3, 4])
    assert config.read(given_config, SCHEMA)


def test_an_evaluation_listed_twice_is_told(given_config):
    put(given_config, "evaluations.2", {"runs": ["one"], "attacks": ["pgd"], "epsilons": ["0.3"]})
    (line,) = faults(given_config)
    assert "attack 'pgd' in float32 on run 'one', split 'test', is listed twice" in line
    assert "put its epsilons into one entry" in line


@pytest.mark.parametrize("text", ["", "- 1", "hello", "3", "null", "[[1, 2]]"])
def test_a_file_that_is_no_mapping_is_told(text):
    (line,) = faults(yaml.safe_load(text))
    assert "it must be a mapping of keys to values" in line


@pytest.mark.parametrize("section", sorted(QUICK))
@pytest.mark.parametrize("value", [None, "", 0, [None], {1: None}, {None: {}}, [[]]])
def test_a_section_of_the_wrong_kind_is_told(section, value):
    assert all(line.startswith(section) for line in faults({**QUICK, section: value}))


def places(value, path=()):
    """The paths of everything in nested dicts and lists."""
    items = {dict: dict.items, list: enumerate}.get(type(value), lambda _: ())(value)
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 200)
    | st.just(10**400)
    | st.floats()
    | st.dates()
    | st.sampled_from(["", "0", "0.1", "-0.1", "float32", "fgsm", "mlp-3", "test", "é\n"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "run", "method", "epsilon", "colour", 1, None, True]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@st.composite
def changed_configurations(draw):
    """config/quick.yaml with one to three values deleted, replaced, inserted or renamed."""
    changed = copy.deepcopy(QUICK)
    for _ in range(draw(st.integers(1, 3))):
        *above, last = draw(st.sampled_from(list(places(changed))))
        place = changed
        for key in above:
            place = place[key]
        change = draw(st.sampled_from(["delete", "replace", "insert", "rename"]))
        if change == "delete":
            del place[last]
        elif change == "replace":
            place[last] = draw(ANYTHING)
        elif isinstance(place, list):
            place.insert(last, draw(ANYTHING))
        elif change == "insert":
            place[draw(st.sampled_from(["name", "colour", "epsilon", 1]))] = draw(ANYTHING)
        else:
            place["renamed"] = place.pop(last)
    return changed


@settings(max_examples=100, deadline=None)
@given(changed_configurations())
def test_whatever_is_changed_is_accepted_or_told_with_its_section(changed):
    try:
        config.read(changed, SCHEMA)
    except config.ConfigError:
        sections = ("(top level)", *map(str, {**QUICK, **changed}))
        assert all(line.startswith(sections) for line in faults(changed))


def test_an_unknown_published_series_is_told_before_anything_is_trained():
    quick = yaml.safe_load((ROOT / "config/quick.yaml").read_text())
    quick["figures"]["masking"]["series"][0]["published"] = "yue2017-fig99"
    with pytest.raises(config.ConfigError, match=r"series\.0\.published: .*fig99.*there are one"):
        config.read(quick, SCHEMA, {"one"})
