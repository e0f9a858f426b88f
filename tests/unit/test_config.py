"""The configuration: what is shipped is accepted, completed, and laid out as a study."""

import copy
import re
import shutil
from collections import OrderedDict
from pathlib import Path

import pytest
import yaml
from architectures import mlp
from configurations import WORKFLOW

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


def measured(given):
    """What is measured of a configuration: attack, dtype, split, defence and epsilons."""
    return [
        (one.attack, one.dtype, one.split, one.defence, one.epsilons)
        for one in config.read(given, WORKFLOW).evaluations
    ]


def bring(**own):
    """A configuration with one run that brings this."""
    run = {"network": mlp(16), "epochs": [1, 3]}
    return {"dataset": "digits", "runs": {"one": run}, **own}


def lines(**keys):
    """A figure of lines."""
    return {"plot": "lines", "title": "t", **keys}


def test_what_a_figure_shows_is_measured_and_nothing_else():
    select = {"run": "one", "attack": ["fgsm", "pgd"], "epsilon": "0.1"}
    shown = lines(select=select, label="attack")
    study = config.read(bring(figures={"a": shown}), WORKFLOW)
    found = [(one.run, one.attack, one.dtype, one.split) for one in study.evaluations]
    assert found == [("one", name, "float32", "test") for name in ("fgsm", "pgd")]
    assert {(one.epsilons, one.images, one.defence) for one in study.evaluations} == {
        (("0.1",), None, "bare")
    }
    assert list(study.config["attacks"]) == ["fgsm", "pgd"]
    assert "summary" not in study.config


def test_what_several_ask_for_is_measured_once_at_all_their_epsilons():
    select = {"run": "one", "attack": "fgsm"}
    figures = {
        "a": lines(select={**select, "epsilon": "0.1"}),
        "b": lines(select={**select, "epsilons": "few"}, x="epsilon"),
    }
    summary = {
        "runs": ["one"],
        "epsilon": "0.3",
        "columns": [{"label": "a", "attack": "fgsm", "dtype": "float32"}],
    }
    given = bring(figures=figures, summary=summary, grids={"few": ["0.2", "0.05"]})
    assert measured(given) == [("fgsm", "float32", "test", "bare", ("0.05", "0.1", "0.2", "0.3"))]


def test_lists_are_crossed_and_the_order_of_keys_does_not_matter():
    first = {"run": "one", "attack": ["fgsm", "fgsm_exact"], "dtype": ["float64", "float16"]}
    names = {"label": "attack", "panel": "dtype"}
    found = []
    for select in (first, dict(reversed(first.items()))):
        given = bring(figures={"a": lines(select={**select, "epsilon": "0.1"}, **names)})
        found.append(config.read(given, WORKFLOW).config["figures"]["a"]["series"])
    assert found[0] == found[1]
    assert [(one["attack"], one["dtype"]) for one in found[0]] == [
        ("fgsm", "float64"),
        ("fgsm", "float16"),
        ("fgsm_exact", "float64"),
        ("fgsm_exact", "float16"),
    ]


def test_names_of_lines_and_panels_follow_from_what_is_selected():
    figure = lines(
        select={"run": "one", "attack": ["fgsm", "fgsm_exact"], "epsilon": ["0.1", "0.2"]},
        label={"attack": {"fgsm": "plain", "fgsm_exact": "exact"}, "epsilon": {"0.1": "small"}},
        panel="epsilon",
        published={"attack": {"fgsm": "theirs"}},
        clean={"attack": "fgsm"},
    )
    series = config.read(bring(figures={"a": figure}), WORKFLOW).config["figures"]["a"]["series"]
    assert [
        (one["label"], one["panel"], one.get("published"), one.get("clean")) for one in series
    ] == [
        ("plain, small", "0.1", "theirs", True),
        ("plain", "0.2", "theirs", True),
        ("exact, small", "0.1", None, None),
        ("exact", "0.2", None, None),
    ]


def test_a_figure_by_value_takes_its_places_from_what_is_selected():
    runs = {name: {"network": mlp(int(name[1:])), "epochs": [1]} for name in ("w2", "w4")}
    figure = lines(
        x={"run": {"w2": 2, "w4": 4}},
        x_label="width",
        select={"run": ["w2", "w4"], "attack": "fgsm", "epsilon": "0.1"},
    )
    found = config.read({"dataset": "digits", "runs": runs, "figures": {"a": figure}}, WORKFLOW)
    assert found.config["figures"]["a"]["x"] == "value"
    assert [one["x"] for one in found.config["figures"]["a"]["series"]] == [2, 4]


def test_one_checkpoint_is_the_last_where_none_is_named():
    select = {"run": "one", "attack": "fgsm", "epsilon": "0.1"}
    figures = {"a": lines(select=select), "b": {**lines(select=select), "plot": "pictures"}}
    found = config.read(bring(figures=figures), WORKFLOW).config["figures"]
    assert "epochs" not in found["a"]["series"][0]
    assert found["b"]["series"][0]["epochs"] == [3]


def test_a_claim_asks_for_what_it_tests_and_for_the_same_with_the_exact_sign():
    selection = {"run": "one", "attack": "fgsm"}
    test = [
        {
            "kind": "order",
            "less": {**selection, "epsilon": "0.2"},
            "greater": {**selection, "epsilon": "0.1"},
        }
    ]
    claim = {"id": "own-01", "statement": "It falls.", "test": test}
    assert [(attack, epsilons) for attack, *_, epsilons in measured(bring(claims=[claim]))] == [
        ("fgsm", ("0.1", "0.2")),
        ("fgsm_exact", ("0.1", "0.2")),
    ]


def test_a_claim_asks_for_the_split_that_it_subtracts():
    gap = {"run": "one", "attack": "deepfool", "split": "train", "minus_split": "test"}
    test = [{"kind": "measurement", "select": {**gap, "column": "rho_l2"}}]
    claim = {"id": "own-01", "statement": "It overfits.", "test": test}
    splits = [split for _, _, split, *_ in measured(bring(claims=[claim]))]
    assert sorted(splits) == ["test", "train"]


def gradients(given):
    """The gradients that are measured: run, gradient, dtype, split, defence and images."""
    study = config.read(given, WORKFLOW)
    return [tuple(vars(one).values())[:6] for one in study.gradients]


MEAN, EXACT = "cross_entropy_mean", "exact_sign"
SMOOTH = {"defences": {"smooth": {"method": "gaussian_smoothing", "sigma": 1}}}
TRANSFER = {"transfer": {"method": "fgsm", "gradient": EXACT, "source": "other"}}
FIGURE = {"figures": {"a": lines(y="zero_share", select={"run": "one", "gradient": [MEAN, EXACT]})}}
CLAIM = {
    "id": "own-01",
    "statement": "s",
    "test": [
        {
            "kind": "trend",
            "select": {
                "table": "gradients",
                "run": "one",
                "gradient": MEAN,
                "column": "zero_share",
            },
            "sign": "rising",
        }
    ],
}
SUMMARY = {"runs": ["one"], "epsilon": "0.1"}


@pytest.mark.parametrize(
    ("own", "found"),
    [
        ({"also": [{"run": "one", "attack": "fgsm", "epsilon": "0.1"}]}, []),
        (FIGURE, [(MEAN, "float32", "test", "bare"), (EXACT, "float32", "test", "bare")]),
        (
            {
                "also": [{"run": "one", "gradient": MEAN, "dtype": ["float16", "float64"]}],
                "figures": {
                    "a": lines(
                        y=["zero_share", "sign_disagreement"],
                        select={"run": "one", "gradient": MEAN, "dtype": "float64", "epoch": 3},
                    )
                },
            },
            [(MEAN, "float64", "test", "bare"), (MEAN, "float16", "test", "bare")],
        ),
        (
            {
                "also": [{"run": "one", "gradient": EXACT, "defence": "smooth", "split": "train"}],
                **SMOOTH,
            },
            [(EXACT, "float32", "train", "smooth")],
        ),
        (
            {
                "tables": {
                    "t": {
                        "title": "t",
                        "common": {"run": "one"},
                        "rows": [{"label": "a", "gradient": MEAN}, {"label": "b", "missing": "no"}],
                        "columns": [{"label": "c", "value": "zero_share"}],
                    }
                }
            },
            [(MEAN, "float32", "test", "bare")],
        ),
        # The second verdict takes the exact sign.
        (
            {"claims": [CLAIM]},
            [(MEAN, "float32", "test", "bare"), (EXACT, "float32", "test", "bare")],
        ),
        ({"claims": [CLAIM | {"no_exact": "why"}]}, [(MEAN, "float32", "test", "bare")]),
        # Of its first column.
        (
            {
                "summary": {
                    **SUMMARY,
                    "columns": [
                        {"label": "a", "attack": "fgsm", "dtype": "float16"},
                        {"label": "b", "attack": "fgsm_exact", "dtype": "float32"},
                    ],
                }
            },
            [(MEAN, "float16", "test", "bare")],
        ),
        (
            {
                "summary": {
                    **SUMMARY,
                    "columns": [{"label": "a", "attack": "matched_noise", "dtype": "float32"}],
                    "split": "train",
                }
            },
            [(MEAN, "float32", "train", "bare")],
        ),
        (
            {
                "summary": {
                    **SUMMARY,
                    "columns": [{"label": "a", "attack": "noise", "dtype": "float32"}],
                }
            },
            [],
        ),
    ],
)
def test_a_gradient_is_measured_where_it_is_asked_for_and_once(own, found):
    assert gradients(bring(**own)) == [("one", *one, None) for one in found]


def test_the_summary_of_a_transfer_shows_the_gradient_of_its_source():
    given = bring(
        attacks=TRANSFER,
        summary={**SUMMARY, "columns": [{"label": "a", "attack": "transfer", "dtype": "float64"}]},
    )
    given["runs"]["other"] = given["runs"]["one"]
    assert gradients(given) == [("other", EXACT, "float64", "test", "bare", None)]
    assert set(config.read(given, WORKFLOW).runs) == {"one", "other"}


@pytest.mark.parametrize(
    "other", [{"labels": "predicted"}, {"mixed": {"clean_weight": 0.9, "epsilon": "0.1"}}]
)
def test_the_summary_of_an_attack_on_another_loss_shows_no_gradient(other):
    """Measured is the gradient at the true labels, which this attack does not follow."""
    given = bring(
        attacks={"own": {"method": "fgsm", "gradient": EXACT, **other}},
        summary={**SUMMARY, "columns": [{"label": "a", "attack": "own", "dtype": "float64"}]},
    )
    assert gradients(given) == []


def test_a_gradient_is_that_of_as_many_images_as_its_run_says():
    given = bring(**FIGURE)
    for images, most, expected in ((20, None, 20), (20, 10, 10), ({"fgsm": 20}, None, None)):
        given["runs"]["one"]["images"] = images
        found = gradients(given | ({"max_images": most} if most else {}))
        assert [one[-1] for one in found] == [expected] * 2


def test_a_claim_that_looks_for_its_epsilon_does_so_where_others_measure():
    where = {"run": "one", "attack": "fgsm", "epsilon_where": {"accuracy": 0.3}}
    test = [{"kind": "value", "select": where, "published": 0.3, "tolerance": 0.1}]
    claim = {"id": "own-01", "statement": "s", "test": test}
    shown = lines(select={"run": "one", "attack": "fgsm", "epsilons": ["0.1", "0.2"]})
    found = measured(bring(claims=[claim], figures={"a": shown}))
    assert [(one[0], one[-1]) for one in found] == [
        ("fgsm", ("0.1", "0.2")),
        ("fgsm_exact", ("0.1", "0.2")),
    ]


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
