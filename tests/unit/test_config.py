"""The configuration: what is shipped is accepted, completed, and laid out as a study."""

import copy
import re
import shutil
from collections import OrderedDict
from pathlib import Path

import pytest
import yaml
from architectures import mlp
from configurations import WORKFLOW, bring, lines

from mirage.data import published
from mirage.study import config

ROOT = Path(__file__).parents[2]
SHIPPED = [ROOT / "config.yaml", *sorted((ROOT / "config").glob("*.yaml"))]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda path: path.name)
def test_shipped_configurations_are_accepted(file):
    study = config.read(yaml.safe_load(file.read_text()), WORKFLOW, folder="of the data")
    assert study.evaluations
    assert {one.run for one in study.evaluations} <= set(study.runs)


def test_defaults_are_filled_in_and_what_is_given_is_left_as_it_is(given_config):
    before = copy.deepcopy(given_config)
    completed = config.read(given_config, WORKFLOW).config
    assert given_config == before
    assert completed["data_folder"] == ""
    run = completed["runs"]["one"]
    assert (run["batch_size"], run["l2"]) == (100, 0.0)
    assert run["objective"] == {"name": "cross_entropy", "temperature": 1.0}
    assert run["optimizer"] == {"name": "adam", "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}
    assert run["split"] == given_config["split"]
    assert completed["claims"] == []


def test_a_run_may_have_its_own_split(given_config):
    own = {"train": 150, "validation": 5}
    given_config["runs"]["other"]["split"] = own
    runs = config.read(given_config, WORKFLOW).runs
    assert (runs["other"]["split"], runs["one"]["split"]) == (own, given_config["split"])


def test_max_seeds_takes_the_first_seeds_of_every_run(given_config):
    given_config["runs"]["other"]["seeds"] = [7, 3, 5]
    given_config["also"][0]["attack"] = "fgsm"
    for count, expected in ((1, [[1], [7], [1]]), (2, [[1, 2], [7, 3], [1, 2]])):
        runs = config.read({**given_config, "max_seeds": count}, WORKFLOW).runs
        assert [run["seeds"] for run in runs.values()] == expected
    assert given_config["runs"]["other"]["seeds"] == [7, 3, 5]


def test_max_images_holds_for_every_evaluation(given_config):
    given_config["runs"]["one"]["images"] = {"fgsm": 30}
    for most, expected in ((20, {20}), (50, {30, 50})):
        study = config.read({**given_config, "max_images": most}, WORKFLOW)
        assert {one.images for one in study.evaluations} == expected
    given_config["runs"]["one"]["images"] = 40
    assert {one.images for one in config.read(given_config, WORKFLOW).evaluations} == {40}


def test_defaults_are_those_of_the_branch_that_is_chosen(given_config):
    given_config["runs"]["one"]["optimizer"] = {"name": "sgd"}
    mixed = {"name": "fgsm_mixed", "clean_weight": 0.5, "epsilon": "0.1"}
    given_config["runs"]["one"]["objective"] = mixed
    run = config.read(given_config, WORKFLOW).runs["one"]
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
    other["runs"]["one"]["l2"] = 0  # the same number
    other["runs"]["one"]["split"] = dict(other["split"])
    other["attacks"]["pgd"] |= {"norm": "linf", "restarts": 1, "adaptive": False}
    other = dict(reversed(other.items()))
    one, two = (config.read(c, WORKFLOW).config for c in (given_config, other))
    assert yaml.safe_dump(one, sort_keys=False) == yaml.safe_dump(two, sort_keys=False)


def test_a_json_file_is_as_good_as_yaml(given_config):
    """Snakemake reads JSON into ordered dicts."""
    given_config["runs"] = OrderedDict(given_config["runs"])
    assert config.read(OrderedDict(given_config), WORKFLOW)


# --- Studies --------------------------------------------------------------------------------------


def test_what_a_configuration_brings_is_built_and_no_study_that_it_does_not_name():
    study = config.read(bring(), WORKFLOW)
    assert (list(study.runs), study.config["figures"], study.claims) == (["one"], {}, ())
    assert config.read({}, WORKFLOW).claims


def test_a_study_is_built_with_what_its_claims_need_of_others():
    study = config.read({"studies": ["hao"]}, WORKFLOW)
    own = yaml.safe_load((ROOT / "studies/hao/study.yaml").read_text(encoding="utf-8"))["runs"]
    assert {*own, "base", "l2"} == set(study.runs)
    assert all(name.startswith("hao/") for name in study.config["figures"])
    assert {claim["source"] for claim in study.claims} == {"hao"}


@pytest.mark.parametrize(
    "name", [path.parent.name for path in sorted((ROOT / "studies").glob("*/study.yaml"))]
)
def test_each_study_can_be_built_alone(name):
    study = config.read({"studies": [name]}, WORKFLOW)
    needed = {one.run for one in study.evaluations}
    assert needed <= set(study.runs)
    assert study.config["figures"] | study.config["tables"] | study.config["audits"]


def test_rana_is_trained_and_attacked_as_its_lab_says():
    """Harvard-IACS/2019-CS109B, content/lectures/lecture21/notes, sections MNIST and FGSM."""
    study = config.read({"studies": ["rana"]}, WORKFLOW)
    lab, attack = study.runs["rana-lab"], study.config["attacks"]["fgsm_lab"]
    assert mlp(512).items() <= lab["network"].items()
    assert (lab["optimizer"]["name"], lab["learning_rate"]) == ("rmsprop", 0.001)
    assert (lab["batch_size"], lab["epochs"]) == (128, [5])
    assert lab["split"] == {"train": 60_000, "validation": 0}
    assert (attack["clip"], attack["labels"]) == ([0, 1], "predicted")
    (tested,) = (one for one in study.claims if one["id"] == "rana-02")
    assert tested["test"][0]["select"]["epsilon"] == "0.08"
    assert "fitted" not in tested


def test_a_run_of_a_study_may_be_changed_in_some_keys():
    changed = {"studies": ["hao"], "runs": {"bp": {"learning_rate": 0.01}}}
    before, after = (
        config.read(given, WORKFLOW).runs["bp"] for given in ({"studies": ["hao"]}, changed)
    )
    assert after == {**before, "learning_rate": 0.01}


def test_a_configuration_may_use_what_a_study_defines_and_show_none_of_it():
    shown = lines(select={"run": "bp", "attack": "fgsm", "epsilons": "hao"}, x="epsilon")
    study = config.read({"uses": ["hao"], "figures": {"mine": shown}}, WORKFLOW)
    assert (list(study.runs), list(study.config["figures"])) == (["bp"], ["mine"])
    with pytest.raises(config.ConfigError, match="uses: there is no study 'hoa'"):
        config.read({"uses": ["hoa"], "figures": {"mine": shown}}, WORKFLOW)


def test_a_study_says_nothing_that_is_the_configuration_s_to_say(tmp_path):
    shutil.copytree(ROOT / "studies", tmp_path / "studies")
    with (tmp_path / "studies/hao/study.yaml").open("a") as stream:
        stream.write("dataset: digits\n")
    with pytest.raises(config.ConfigError, match=r"hao/study\.yaml: dataset: a study does not say"):
        config.read({"studies": ["hao"]}, tmp_path)


def test_faults_in_the_claims_of_a_study_are_told_with_its_other_faults(tmp_path):
    shutil.copytree(ROOT / "studies", tmp_path / "studies")
    (tmp_path / "studies/hao/claims.yaml").write_text("claims: [{idd: hao-01, statement: s}]")
    with (tmp_path / "studies/hao/study.yaml").open("a") as stream:
        stream.write("dataset: digits\n")
    with pytest.raises(config.ConfigError) as error:
        config.read({"studies": ["hao"]}, tmp_path)
    folder = tmp_path / "studies/hao"
    assert str(error.value).splitlines()[1:] == [
        f"  - {folder}/study.yaml: dataset: a study does not say this, but the configuration that "
        "names it",
        f"  - {folder}/claims.yaml: claims.0: 'id' is missing",
        f"  - {folder}/claims.yaml: claims.0: unknown key 'idd'; allowed are id, source, dataset, "
        "place, statement, published, figure, note, fitted, not_testable, data_not_given, "
        "no_exact, test",
    ]


def test_the_split_is_that_of_the_data_set_where_none_is_given():
    for name, train in (("digits", 1200), ("mnist", 55_000)):
        run = config.read(bring(dataset=name), WORKFLOW).runs["one"]
        assert run["split"]["train"] == train


def test_a_published_value_that_nothing_shows_is_told():
    known = {"hao/table1/training/bp": [], "hao/table1/training/mlp": [], "rana/fgsm": []}
    with pytest.raises(config.ConfigError) as error:
        config.read({"studies": ["hao"]}, WORKFLOW, known)
    (line,) = str(error.value).splitlines()[1:]
    assert "studies/hao/published.csv: 'table1/training/mlp' is shown nowhere" in line


def test_every_published_value_is_shown():
    files = sorted(ROOT.glob("studies/*/published.csv"))
    known = {}
    for row in published.rows(files):
        known.setdefault(row["series"], []).append(row)
    assert len(known) > 70
    config.read({}, WORKFLOW, known)


def test_what_mnist_cannot_tell_is_tested_where_the_ledger_says():
    study = config.read({}, WORKFLOW)
    (claim,) = (one for one in study.claims if one["id"] == "yue2018-08")
    file = ROOT / re.search(r"config/\w+\.yaml", claim["data_not_given"]).group()
    there = config.read(yaml.safe_load(file.read_text(encoding="utf-8")), WORKFLOW)
    assert there.config["dataset"] == "fashion_mnist"
    assert [(one["id"], "test" in one) for one in there.claims] == [("yue2018-08", True)]


def test_a_run_without_a_network_is_told():
    with pytest.raises(config.ConfigError, match=r"runs\.base: 'network' is missing"):
        config.read(
            {"studies": ["hao"], "runs": {"base": {"epochs": [1]}}} | {"studies": []}, WORKFLOW
        )


def test_the_kind_of_an_attack_is_that_of_its_method():
    run = {"run": "one"}
    also = [{**run, "attack": ["fgsm", "pgd"], "epsilon": "0.1"}, {**run, "attack": "deepfool"}]
    study = config.read(bring(also=also), WORKFLOW)
    assert [study.kind(name) for name in ("fgsm", "pgd", "deepfool")] == [
        "sweep",
        "iterative",
        "minimal",
    ]
