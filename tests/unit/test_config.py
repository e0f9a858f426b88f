"""The configuration: what is shipped is accepted, completed, and laid out as a study."""

import copy
from collections import OrderedDict
from pathlib import Path

import pytest
import yaml
from configurations import SCHEMA

from mirage.study import config

ROOT = Path(__file__).parents[2]
SHIPPED = [ROOT / "config.yaml", ROOT / "config/quick.yaml", ROOT / "config/test.yaml"]


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
    assert [entry["splits"] for entry in completed["evaluations"]] == [["test"]] * 3
    assert completed["evaluations"][0]["defences"] == ["bare"]
    assert run["split"] == given_config["split"]
    assert completed["claims"] is False


def test_a_run_may_have_its_own_split(given_config):
    own = {"train": 150, "validation": 5}
    given_config["runs"]["other"]["split"] = own
    runs = config.read(given_config, SCHEMA).runs
    assert (runs["other"]["split"], runs["one"]["split"]) == (own, given_config["split"])


def test_max_seeds_takes_the_first_seeds_of_every_run(given_config):
    given_config["runs"]["other"]["seeds"] = [7, 3, 5]
    given_config["attacks"].pop("transfer")
    given_config["evaluations"][0]["attacks"] = ["fgsm"]
    for count, expected in ((1, [[1], [7], [1]]), (2, [[1, 2], [7, 3], [1, 2]])):
        runs = config.read({**given_config, "max_seeds": count}, SCHEMA).runs
        assert [run["seeds"] for run in runs.values()] == expected
    assert given_config["runs"]["other"]["seeds"] == [7, 3, 5]


def test_max_images_holds_for_every_evaluation(given_config):
    first, *others = given_config["evaluations"]
    first["images"] = 30
    for entry in others:
        entry.pop("images", None)
    for most, expected in ((20, {20}), (50, {30, 50} if others else {30})):
        study = config.read({**given_config, "max_images": most}, SCHEMA)
        assert {one.images for one in study.evaluations} == expected
    assert first["images"] == 30


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
    other["runs"]["one"]["split"] = dict(other["split"])
    other = dict(reversed(other.items()))
    one, two = (config.read(c, SCHEMA).config for c in (given_config, other))
    assert yaml.safe_dump(one, sort_keys=False) == yaml.safe_dump(two, sort_keys=False)


def test_a_json_file_is_as_good_as_yaml(given_config):
    """Snakemake reads JSON into ordered dicts."""
    given_config["runs"] = OrderedDict(given_config["runs"])
    assert config.read(OrderedDict(given_config), SCHEMA)


def test_evaluations_are_spelled_out_in_the_type_of_the_run_if_no_other_is_given(given_config):
    given_config["tables"] = {}
    given_config["evaluations"][1] |= {"dtypes": ["float16", "float64"], "splits": ["train"]}
    found = config.read(given_config, SCHEMA).evaluations
    assert [(one.attack, one.dtype, one.split) for one in found] == [
        ("fgsm", "float32", "test"),
        ("transfer", "float32", "test"),
        ("pgd", "float16", "train"),
        ("pgd", "float64", "train"),
        *[("deepfool", dtype, "test") for dtype in ("float32", "float64") for _ in range(2)],
    ]
    assert found[0].epsilons == ("0.05", "0.1")
    assert (found[0].images, found[0].defence) == (None, "bare")
    assert [one.defence for one in found[4:]] == ["bare", "smooth"] * 2
    assert {(one.images, one.epsilons) for one in found[4:]} == {(10, ())}


def test_a_series_draws_on_the_epsilons_it_names_and_on_no_other(given_config):
    study = config.read(given_config, SCHEMA)
    series = {"run": "one", "attack": "pgd"}
    assert [one.epsilons for one in study.chosen(series)] == [("0.05", "0.1", "0.2")]
    assert [one.epsilons for one in study.chosen({**series, "epsilons": ["0.1"]})] == [("0.1",)]
    assert study.chosen({**series, "epsilons": ["0.1", "0.3"]}) == []


def test_a_series_that_names_no_defence_draws_on_the_bare_network(given_config):
    study = config.read(given_config, SCHEMA)
    series = {"run": "one", "attack": "deepfool", "dtype": "float64"}
    (bare,), (smooth,) = (study.chosen({**series, **more}) for more in ({}, {"defence": "smooth"}))
    assert (bare.defence, smooth.defence) == ("bare", "smooth")
    assert [study.kind(name) for name in ("fgsm", "pgd", "deepfool")] == [
        "sweep",
        "attack",
        "minimal",
    ]
