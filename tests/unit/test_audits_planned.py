"""Which audits a configuration asks for, of which files, and what is wrong with one."""

import json

import pytest
from configurations import WORKFLOW, small
from workflow import ROOT, planned

from mirage.auditing.jobs import Audit
from mirage.reporting import audits as reported
from mirage.study import config
from mirage.study.measured import Named
from mirage.study.paths import Paths
from mirage.study.plan import Plan

RESULTS = "results/digits"
CHECKPOINTS = {"run": ["one", "other"], "epochs": [1, 3], "epsilon": "0.1"}
MODELS = {
    "epsilons": ["0.3", "0.1"],
    "models": {
        "whole": {"file": "whole.keras"},
        "weights": {"file": "a/weights.h5", "architecture": "nets.py:build", "range": [-1, 1]},
        "old": {"file": "a/old.h5", "architecture": "a/old.json"},
    },
}


def plan(audits, models="", **more):
    given = {**small(), "audits": audits, **more}
    return Plan(config.read(given, WORKFLOW), Paths(RESULTS), WORKFLOW, models)


def files(found, audit, subject):
    return found.audited(Named(audit=audit, subject=subject))


def job(found, audit, subject):
    text = found.audit(Named(audit=audit, subject=subject))
    return Audit.model_validate_json(text)


def told(audit, **more):
    with pytest.raises(config.ConfigError) as caught:
        plan({"mine": audit}, **more)
    return str(caught.value)


def test_each_seed_and_epoch_of_each_run_is_audited_by_itself():
    found = plan({"mine": CHECKPOINTS})
    places = [
        f"{run}/seed{seed}/epoch{epoch}"
        for run in ("one", "other")
        for seed in (1, 2)
        for epoch in (1, 3)
    ]
    assert found.audit_files("audit.json") == [
        f"{RESULTS}/audits/mine/{place}/audit.json" for place in places
    ]
    assert files(found, "mine", "other/seed2/epoch3") == {
        "data": f"{RESULTS}/data/100-10/test.npz",
        "model": f"{RESULTS}/checkpoints/other/seed2/epoch3.keras",
        "architecture": [],
    }
    one = job(found, "mine", "other/seed2/epoch3")
    assert (one.title, one.data) == ("other, seed 2, epoch 3", "test images of digits")
    assert one.trained == found.trained("other")
    assert (one.range, one.epsilons, one.images, one.quick) == ((0, 1), ["0.1"], 1000, False)
    assert "auditing.indicators.one_step" in one.code["modules"]


def test_the_last_checkpoint_and_the_test_images_are_audited_where_none_are_named():
    found = plan({"mine": {"run": "one", "epsilon": "0.1", "split": "validation", "quick": True}})
    assert [place for _, place in found.subjects] == [f"one/seed{seed}/epoch3" for seed in (1, 2)]
    data = files(found, "mine", "one/seed1/epoch3")["data"]
    assert data == f"{RESULTS}/data/100-10/validation.npz"
    modules = job(found, "mine", "one/seed1/epoch3").code["modules"]
    assert "auditing.indicators.one_step" not in modules


def test_models_of_others_lie_in_their_folder_and_take_the_data_of_the_workflow():
    found = plan({"theirs": MODELS}, "/far/away")
    assert files(found, "theirs", "weights") == {
        "data": f"{RESULTS}/data/100-10/test.npz",
        "model": "/far/away/a/weights.h5",
        "architecture": "/far/away/nets.py",
    }
    one = job(found, "theirs", "weights")
    assert (one.function, one.range, one.trained) == ("build", (-1, 1), None)
    assert one.epsilons == ["0.1", "0.3"]
    assert job(found, "theirs", "old").function == ""
    assert found.files_of_others() == [
        f"/far/away/{name}"
        for name in ("a/old.h5", "a/old.json", "a/weights.h5", "nets.py", "whole.keras")
    ]
    # Its folder is no part of a job: where files lie makes no result.
    assert "/far" not in found.audit(Named(audit="theirs", subject="old"))
    assert "/far" not in found.configuration()


def test_their_own_data_may_be_named():
    found = plan({"theirs": {**MODELS, "data": "their.npz", "images": "all"}}, "models")
    assert files(found, "theirs", "whole")["data"] == "models/their.npz"
    one = job(found, "theirs", "whole")
    assert (one.data, one.images) == ("their.npz", None)


def test_models_alone_need_no_run():
    given = {"dataset": "digits", "audits": {"theirs": MODELS}}
    found = Plan(config.read(given, WORKFLOW), Paths(RESULTS), WORKFLOW)
    assert found.runs == {}
    assert found.all_tables() == [f"{RESULTS}/tables/audits.{kind}" for kind in ("csv", "md")]
    assert found.all_data() == [f"{RESULTS}/data/1200-147/test.npz"]


def test_an_audit_keeps_its_run_and_a_study_s_audits_have_its_name():
    found = Plan(planned(ROOT, "config.yaml", studies=["audit"]), Paths(RESULTS), ROOT)
    assert {audit for audit, _ in found.subjects} == {
        f"audit/{name}" for name in ("controls", "mixed", "by-epoch")
    }
    # Beside those that are audited the teacher of one.
    assert {one.run for one in found.subjects.values()} | {"bp-teacher"} == set(found.runs)


def test_an_architecture_in_a_study_s_folder_lies_there():
    found = Plan(planned(ROOT, "config.yaml", studies=["others"]), Paths(RESULTS), ROOT, "models")
    architecture = files(found, "others/at-0.1", "deepxplore-1")["architecture"]
    assert architecture == str(ROOT / "studies/others/architectures.py")
    assert files(found, "others/at-0.1", "telo-ff")["architecture"] == "models/telo-2022-16/FF.json"
    assert len(found.subjects) == 39


def test_max_images_and_max_seeds_hold_for_audits():
    audits = {"mine": CHECKPOINTS, "theirs": {**MODELS, "images": "all"}}
    found = plan(audits, max_images=7, max_seeds=1)
    assert len(found.subjects) == 4 + 3
    assert [job(found, *key).images for key in found.subjects] == [7] * 7


@pytest.mark.parametrize(
    ("audit", "fault"),
    [
        ({"epsilon": "0.1"}, "audits.mine: it must have either 'run', or 'models'"),
        ({**MODELS, "run": "one"}, "audits.mine: it must have either 'run', or 'models'"),
        ({"run": "two", "epsilon": "0.1"}, "audits.mine.run: there is no run 'two'; there are "),
        ({"run": "one"}, "audits.mine: an epsilon is missing: epsilon or epsilons"),
        (
            {"run": "one", "epsilons": "some"},
            "audits.mine.epsilons: there is no grid 'some'; there are",
        ),
        ({"run": "one", "epsilon": "0"}, "audits.mine: epsilon '0' must be above 0"),
        ({"run": "one", "epsilon": "8"}, "audits.mine: epsilon '8' is too large; pixels lie in 0"),
        (
            {"run": "one", "epsilon": 0.1},
            "audits.mine.epsilon: 0.1 is not allowed; it must be text",
        ),
        (
            {**CHECKPOINTS, "epochs": [2]},
            "audits.mine: run 'one' has no checkpoint of 2; it has 1, 3",
        ),
        ({**CHECKPOINTS, "data": "my.npz"}, "audits.mine.data: only with 'models'"),
        ({**MODELS, "epoch": 3}, "audits.mine.epochs: only with 'run'"),
        (
            {**MODELS, "data": "my.npz", "split": "test"},
            "audits.mine.split: it is of the data set, and not of my.npz; leave it out",
        ),
        (
            {**MODELS, "models": {"a": {"file": "a.h5", "range": [1, 0]}}},
            "audits.mine.models.a.range: [1.0, 0.0] must ascend",
        ),
        ({**MODELS, "models": {"a": {}}}, "audits.mine.models.a: 'file' is missing"),
        ({**MODELS, "models": {}}, "audits.mine.models: {} is not allowed; it needs at least 1"),
        ({**MODELS, "models": {"A b": {"file": "a.h5"}}}, "'A b' is not allowed; it must be writt"),
        (
            {**MODELS, "images": "some"},
            "audits.mine.images: 'some' is not allowed; allowed are all",
        ),
        ({**CHECKPOINTS, "norm": "l1"}, "audits.mine.norm: 'l1' is not allowed; allowed are linf"),
        ({**CHECKPOINTS, "speed": 3}, "audits.mine: unknown key 'speed'; allowed are run, epoch"),
    ],
)
def test_what_is_wrong_with_an_audit_is_told(audit, fault):
    assert fault in told(audit)


def test_an_l2_epsilon_may_be_as_long_as_the_diagonal():
    assert plan({"mine": {"run": "one", "epsilon": "3", "norm": "l2"}}).subjects
    assert "no two images are further apart than 28." in told(
        {"run": "one", "epsilon": "29", "norm": "l2"}
    )


def test_images_that_are_not_there_are_told():
    split = {"train": 100, "validation": 0}
    audit = {"run": "one", "epsilon": "0.1", "split": "validation"}
    assert "audits.mine.split: no validation images of run 'one'; raise split.validation" in told(
        audit, split=split
    )


def share(value):
    return {"value": value, "count": 1, "of": 10, "low": 0.0, "high": 1.0}


def content(*, quick):
    """An `audit.json` of two epsilons, as far as the table reads it."""
    attacks = ("fgsm",) if quick else ("fgsm", "pgd")
    return {
        "verdict": {"name": "masked by arithmetic", "epsilon": 0.3},
        "findings": {
            "images": 10,
            "norm": "linf",
            "epsilons": [0.1, 0.3],
            "clean": share(0.9),
            "headlines": [
                {
                    **{"attack": attack, "epsilon": epsilon, "plain": share(0.8)},
                    **{"exact": share(0.5), "loss": 0.3, "low": 0.2, "high": 0.4},
                }
                for epsilon in (0.1, 0.3)
                for attack in attacks
            ],
            "worst": []
            if quick
            else [{"epsilon": epsilon, "accuracy": share(0.1)} for epsilon in (0.1, 0.3)],
            "indicators": [{"name": name, "light": "red"} for name in ("signs", "margins")]
            + [{"name": "zeros", "light": "green"}],
        },
    }


def test_the_table_has_a_row_for_each_epsilon_and_says_where_it_was_decided():
    subjects = [
        {"audit": "a", "model": "one", "seed": 1, "epoch": 3},
        {"audit": "b", "model": "telo", "seed": None, "epoch": None},
    ]
    table = reported.table(subjects, [content(quick=True), content(quick=False)])
    assert table["epsilon"].tolist() == [0.1, 0.3] * 2
    assert table["fgsm_loss_low"].tolist() == [0.2] * 4
    assert table["pgd_exact"].isna().tolist() == [True, True, False, False]
    assert table["worst_case"].isna().tolist() == [True, True, False, False]
    assert table["red"].tolist() == ["signs margins"] * 4
    assert table.to_csv(index=False).splitlines()[3].startswith("b,telo,,,10,linf,0.1,0.9,0.8,0.5")
    text = reported.readable(table)
    assert text["verdict"].tolist() == ["", "masked by arithmetic"] * 2
    assert text["red indicators"].tolist() == ["", "signs, margins"] * 2
    assert text["lost to arithmetic"].tolist() == ["0.300 [0.200, 0.400]"] * 4
    assert text["lost to arithmetic, PGD"].tolist() == ["", "", *["0.300 [0.200, 0.400]"] * 2]
    assert text["seed"].tolist() == ["1", "1", "", ""]


def test_the_table_s_job_names_what_each_file_is_of():
    found = plan({"mine": CHECKPOINTS, "theirs": MODELS})
    options = json.loads(found.audits())["options"]
    assert len(options) == len(found.audit_files("audit.json"))
    assert options[0] == {"audit": "mine", "model": "one", "seed": 1, "epoch": 1}
    assert options[-1] == {"audit": "theirs", "model": "whole", "seed": None, "epoch": None}
