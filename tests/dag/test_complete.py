"""The whole workflow can be planned where nothing has been made yet."""

from collections import Counter

import pytest
from workflow import forked, plan, planned, read, rules, write

from mirage.attacks.parameters import parameters_of
from mirage.data import folders
from mirage.study.kinds import KINDS
from mirage.study.model import Configuration
from mirage.study.typed import json_schema

SHIPPED = [
    "config/quick.yaml",
    *(
        pytest.param(name, marks=pytest.mark.thorough)
        for name in ("config.yaml", "config/tour.yaml")
    ),
]


def expected(study):
    """The number of jobs of each rule, counted from the plan."""
    config = study.config
    runs, attacks = config["runs"], config["attacks"]
    seeds = {name: run["seeds"] for name, run in runs.items()}
    splits = {name: run["split"] for name, run in runs.items()}
    shown = [
        (figure["reads"], series)
        for figure in config["figures"].values()
        for series in figure["series"]
    ]
    counts = Counter(
        all=1,
        download=int(config["dataset"] in ("mnist", "fashion_mnist")),
        prepare=len(different(splits.values())),
        train=sum(len(seeds[name]) * len(run["epochs"]) for name, run in runs.items()),
        # One file for all runs that start from the same checkpoint and train on the same attack.
        perturb=sum(
            len(of_seed)
            for of_seed in {
                str((run["start"], run["perturbed_by"])): seeds[name]
                for name, run in runs.items()
                if "perturbed_by" in run
            }.values()
        ),
        measure=sum(map(len, seeds.values())),
        probe=sum(len(seeds[run]) for run, _ in study.probed),
        # Of the last checkpoint of each seed, or of a model of others.
        audit=sum(
            sum(len(seeds[run]) for run in one.get("run", ())) * len(one.get("epochs", [0]))
            + len(one.get("models", ()))
            for one in config["audits"].values()
        ),
        audits=int(bool(config["audits"])),
        gradients=sum(len(seeds[one.run]) for one in study.gradients),
        table=3 + bool(study.gradients),
        cells=len(config["tables"]),
        claims=int(bool(study.claims)),
        summary=int("summary" in config),
        published=int(any("published" in series for _, series in shown)),
        configuration=1,
        provenance=1,
        figure=len(config["figures"]),
        # Pictures are of the first seed, restarts of all.
        examples=len(selections(shown, "examples")),
        restarts=sum(len(seeds[one["run"]]) for one in selections(shown, "restarts")),
    )
    for one in study.evaluations:
        kind = parameters_of(attacks[one.attack]["method"]).kind
        rule, jobs = ("attack", len(one.epsilons)) if kind == "iterative" else (kind, 1)
        counts[rule] += len(seeds[one.run]) * jobs
    return +counts


def different(values):
    """Each value once; they are dicts, or have dicts in them."""
    return list({str(value): value for value in values}.values())


def selections(shown, table):
    """What series of figures that read this table select, each once, whatever they are called."""
    keys = ("run", "attack", "dtype", "split", "epsilons", "epochs", "defence")
    return different(
        {"defence": "bare", **{key: one[key] for key in keys if key in one}}
        for reads, one in shown
        if reads == table
    )


@pytest.mark.parametrize("file", SHIPPED)
def test_a_shipped_configuration_is_planned_in_full_without_any_data(pristine, file):
    jobs = plan(pristine, "--configfile", file)
    assert rules(jobs) == expected(planned(pristine, file))
    assert not (pristine / "results").exists()


def test_the_configuration_of_the_tests_stands_alone_and_is_not_mixed_with_config_yaml(
    pristine, whole
):
    study = planned(pristine, "config/test.yaml")
    assert rules(whole) == expected(study)
    assert {job.split()[1] for job in whole if job.startswith("train")} == set(study.runs)


@pytest.mark.thorough
def test_the_configuration_is_config_yaml_where_no_other_is_named(fresh):
    config = read(fresh, "config.yaml")
    write(fresh, "config.yaml", config | {"studies": ["yue2018"]})
    jobs = plan(fresh)
    assert rules(jobs) == expected(planned(fresh, "config.yaml"))
    assert "train yue2018-float64 5 181" in jobs


@pytest.mark.thorough
def test_one_paper_alone_is_asked_for_on_the_command_line(pristine):
    jobs = plan(pristine, "--config", "studies=[hao]")
    assert rules(jobs) == expected(planned(pristine, "config.yaml", studies=["hao"]))
    trained = {job.split()[1] for job in jobs if job.startswith("train ")}
    # Two runs of another study: one of its claims is about them.
    assert trained == {*read(pristine, "studies/hao/study.yaml")["runs"], "base", "l2"}


@pytest.mark.thorough
def test_max_seeds_takes_the_first_seed_of_each_run_on_the_command_line(pristine):
    jobs = plan(pristine, "--configfile", "config/test.yaml", "--config", "max_seeds=1")
    assert rules(jobs) == expected(planned(pristine, "config/test.yaml", max_seeds=1))
    assert "measure float32 1" in jobs
    assert "measure float32 2" not in jobs


def test_the_small_configuration_has_every_rule_and_every_kind_of_plot(pristine):
    study = planned(pristine, "config/test.yaml")
    listed = forked(pristine, "--list-rules", "--configfile", "config/test.yaml").stdout
    shown = {line.split()[0] for line in listed.splitlines() if line and not line.startswith("Us")}
    collections = {"checkpoints", "evaluations", "tables", "figures"}
    assert shown - collections == set(expected(study)) | {"download"}
    figures = study.config["figures"].values()
    assert {figure["reads"] for figure in figures} == {kind.reads for kind in KINDS}
    keys = json_schema(Configuration)["$defs"]["Figure"]["properties"]
    for key, allowed in (("x", keys["x"]["oneOf"][0]["enum"]), ("show", keys["show"]["enum"])):
        assert {figure[key] for figure in figures if key in figure} == set(allowed)


EVALUATIONS = {"prepare", "train", "perturb", "sweep", "attack", "minimal", "gradients", "probe"}


@pytest.mark.parametrize(
    ("target", "rules_of_target"),
    [
        ("checkpoints", {"prepare", "train", "perturb"}),
        pytest.param(
            "audits", {"prepare", "train", "perturb", "audit"}, marks=pytest.mark.thorough
        ),
        pytest.param("evaluations", EVALUATIONS, marks=pytest.mark.thorough),
        pytest.param("tables", None, marks=pytest.mark.thorough),
        (
            "figures",
            EVALUATIONS | {"measure", "examples", "restarts", "figure"},
        ),
    ],
)
def test_a_stage_can_be_asked_for_by_name(pristine, target, rules_of_target):
    jobs = plan(pristine, target, "--configfile", "config/test.yaml")
    whole = expected(planned(pristine, "config/test.yaml"))
    without = {"all", "configuration", "provenance", "figure", "examples"}
    assert set(rules(jobs)) == (rules_of_target or set(whole) - without) | {target}


def test_the_images_a_network_is_tuned_on_are_made_once_for_all_its_checkpoints(whole):
    assert whole["perturb float64 1 4 deepfool minimal"] == 1
    assert {"train tuned 1 1", "train tuned 1 2"} <= set(whole)


def test_results_may_lie_in_another_folder_than_the_workflow(fresh, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    jobs = plan(fresh, "--configfile", "config/test.yaml", "--directory", str(elsewhere))
    assert rules(jobs) == expected(planned(fresh, "config/test.yaml"))


def test_cifar10_is_taken_from_a_folder_and_not_downloaded(fresh, tmp_path):
    config = read(fresh, "config/test.yaml")
    data = tmp_path / "cifar10/cifar-10-batches-bin"
    data.mkdir(parents=True)
    for name in folders.CIFAR10.files:
        (data / name).touch()
    config |= {"dataset": "cifar10", "data_folder": str(data.parent)}
    write(fresh, "config/test.yaml", config)
    # Its parent is refused before anything runs.
    result = forked(fresh, "--configfile", "config/test.yaml")
    assert result.returncode != 0
    assert "Traceback" not in result.stdout
    assert f"data_folder: the local folder {data.parent} cannot be used" in result.stdout
    assert f"all of them lie in {data}: name that folder instead" in result.stdout
    assert not (fresh / "results").exists()
    write(fresh, "config/test.yaml", {**config, "data_folder": str(data)})
    jobs = plan(fresh, "--configfile", "config/test.yaml")
    assert rules(jobs) == expected(planned(fresh, "config/test.yaml"))
    assert "download" not in rules(jobs)


@pytest.mark.thorough
def test_a_folder_that_lacks_mnist_is_told_unless_the_data_are_at_hand(
    fresh, tmp_path, monkeypatch
):
    config = read(fresh, "config/test.yaml")
    write(fresh, "config/test.yaml", {**config, "dataset": "mnist"})
    monkeypatch.setenv("MNIST_DIR", str(tmp_path / "a/nowhere"))
    called = ("--configfile", "config/test.yaml", "--dry-run")
    result = forked(fresh, *called)
    assert result.returncode != 0
    assert f"MNIST_DIR: the local folder {tmp_path / 'a/nowhere'} is not a folder" in result.stdout
    assert ", ".join(folders.IDX.files) in result.stdout
    raw = fresh / "results/mnist/data/raw"
    raw.mkdir(parents=True)
    for name in folders.IDX.files:
        (raw / name).touch()
    result = forked(fresh, *called)
    assert result.returncode == 0, result.stdout


def test_cifar10_without_a_folder_ends_in_one_message(fresh, monkeypatch):
    monkeypatch.delenv("MNIST_DIR", raising=False)
    write(fresh, "config/test.yaml", {**read(fresh, "config/test.yaml"), "dataset": "cifar10"})
    result = forked(fresh, "--configfile", "config/test.yaml")
    assert result.returncode != 0
    assert "Traceback" not in result.stdout
    assert "cifar10 is not downloaded" in result.stdout
    assert not (fresh / "results").exists()


def test_what_yaml_would_take_in_silence_is_refused_in_every_file_that_is_read(fresh):
    """Snakemake reads them, and takes the last of two equal keys: a run would be gone."""
    (fresh / "more.yaml").write_text("runs:\n  float32: {l2: 0}\n  float32: {l2: 1}\n")
    (fresh / "more.json").write_text('{"split":\n {"train": 300, "train": 200}}')
    files = ["config/test.yaml", "more.yaml", "more.json"]
    given = ["max_seeds=1", "max_seeds=2"]
    result = forked(fresh, "-n", "--configfile", *files, "--config", *given)
    assert result.returncode != 0
    assert "Traceback" not in result.stdout
    assert "more.yaml, line 3: the key 'float32' stands here a second time" in result.stdout
    assert "more.json, line 2: the key 'train' stands here a second time" in result.stdout
    assert "--config: 'max_seeds' stands twice" in result.stdout


@pytest.mark.thorough
def test_the_file_that_is_read_where_none_is_named_and_the_claims_are_read_strictly(fresh):
    config = fresh / "config.yaml"
    text = config.read_text()
    config.write_text(text + "dataset: digits\n")
    result = forked(fresh, "-n")
    line = len(text.splitlines()) + 1
    assert f"config.yaml, line {line}: the key 'dataset' stands here" in result.stdout
    config.write_text(text)
    for name in ("study", "claims"):
        file = fresh / f"studies/hao/{name}.yaml"
        text = file.read_text()
        file.write_text(text + "a: {}\na: {}\n")
        result = forked(fresh, "-n")
        assert f"studies/hao/{name}.yaml, line" in result.stdout
        assert "the key 'a' stands here a second time" in result.stdout
        file.write_text(text)


def test_a_wrong_configuration_ends_in_one_message_and_makes_nothing(fresh):
    config = read(fresh, "config/test.yaml")
    config["runs"]["float32"]["learning_rate"] = -1
    config["colour"] = "red"
    write(fresh, "config/test.yaml", config)
    result = forked(fresh, "--configfile", "config/test.yaml")
    assert result.returncode != 0
    assert "Traceback" not in result.stdout
    assert "unknown key 'colour'; allowed are title, studies" in result.stdout
    assert result.stdout.count("runs.float32.learning_rate: -1 is not allowed") == 1
    assert not (fresh / "results").exists()


@pytest.mark.parametrize("text", ["", "- 1\n- 2\n", "hello\n", "a: [1\n"])
def test_a_file_that_is_no_configuration_ends_in_one_message(fresh, text):
    (fresh / "config/test.yaml").write_text(text)
    result = forked(fresh, "--configfile", "config/test.yaml")
    assert result.returncode != 0
    assert "Traceback" not in result.stdout
    assert "config" in result.stdout.lower()
    assert not (fresh / "results").exists()
