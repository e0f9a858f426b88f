"""The whole workflow can be planned where nothing has been made yet."""

from collections import Counter

import pytest
from workflow import plan, read, snakemake, write


def expected(config):
    """The number of jobs of each rule, counted from the configuration alone."""
    runs, attacks = config["runs"], config["attacks"]
    counts = Counter(
        all=1,
        download=int(config["dataset"] != "digits"),
        prepare=1,
        train=sum(len(run["seeds"]) * len(run["epochs"]) for run in runs.values()),
        measure=sum(len(run["seeds"]) for run in runs.values()),
        table=3,
        summary=1,
        published=int(
            any("published" in one for each in config["figures"].values() for one in each["series"])
        ),
        configuration=1,
        figure=len(config["figures"]),
        examples=sum(figure["plot"] == "examples" for figure in config["figures"].values()),
    )
    for entry in config["evaluations"]:
        for run in entry["runs"]:
            for attack in entry["attacks"]:
                gradients = (
                    len(runs[run]["seeds"])
                    * len(entry.get("dtypes", ["the run's own"]))
                    * len(entry.get("splits", ["test"]))
                )
                if attacks[attack]["method"] == "fgsm":
                    counts["sweep"] += gradients
                else:
                    counts["attack"] += gradients * len(entry["epsilons"])
    return +counts


def rules(jobs):
    """The number of jobs of each rule of a plan, each job standing in it once."""
    assert set(jobs.values()) == {1}
    return Counter(job.split()[0] for job in jobs)


@pytest.mark.parametrize("file", ["config.yaml", "config/quick.yaml", "config/test.yaml"])
def test_a_shipped_configuration_is_planned_in_full_without_any_data(pristine, file):
    jobs = plan(pristine, "--configfile", file)
    assert rules(jobs) == expected(read(pristine, file))
    assert not (pristine / "results").exists()


def test_the_configuration_is_config_yaml_where_no_other_is_named(fresh):
    config = read(fresh, "config.yaml")
    config["runs"]["base"]["seeds"] = [1, 2, 3, 4, 5, 6, 7]
    write(fresh, "config.yaml", config)
    jobs = plan(fresh)
    assert rules(jobs) == expected(config)
    assert "train base 7 8" in jobs


def test_another_configuration_stands_alone_and_is_not_mixed_with_config_yaml(pristine):
    jobs = plan(pristine, "--configfile", "config/test.yaml")
    config = read(pristine, "config/test.yaml")
    assert {job.split()[1] for job in jobs if job.startswith("train")} == set(config["runs"])


def test_the_small_configuration_has_every_rule_and_every_kind_of_plot(pristine):
    config = read(pristine, "config/test.yaml")
    listed = snakemake(pristine, "--list-rules", "--configfile", "config/test.yaml").stdout
    shown = {line.split()[0] for line in listed.splitlines() if line and not line.startswith("Us")}
    collections = {"checkpoints", "evaluations", "tables", "figures"}
    assert shown - collections == set(expected(config)) | {"download"}
    assert {figure["plot"] for figure in config["figures"].values()} == {
        *("by_epoch", "by_epsilon", "losses", "spectral_norms", "examples")
    }


@pytest.mark.parametrize(
    ("target", "rules_of_target"),
    [
        ("checkpoints", {"prepare", "train"}),
        ("evaluations", {"prepare", "train", "sweep", "attack"}),
        ("tables", None),
        ("figures", {"prepare", "train", "sweep", "attack", "measure", "examples", "figure"}),
    ],
)
def test_a_stage_can_be_asked_for_by_name(pristine, target, rules_of_target):
    jobs = plan(pristine, target, "--configfile", "config/test.yaml")
    whole = expected(read(pristine, "config/test.yaml"))
    without = {"all", "configuration", "figure", "examples"}
    assert set(rules(jobs)) == (rules_of_target or set(whole) - without) | {target}


def test_results_may_lie_in_another_folder_than_the_workflow(fresh, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    jobs = plan(fresh, "--configfile", "config/test.yaml", "--directory", str(elsewhere))
    assert rules(jobs) == expected(read(fresh, "config/test.yaml"))


def test_a_wrong_configuration_ends_in_one_message_and_makes_nothing(fresh):
    config = read(fresh, "config/test.yaml")
    config["runs"]["float32"]["learning_rate"] = -1
    config["colour"] = "red"
    write(fresh, "config/test.yaml", config)
    result = snakemake(fresh, "--configfile", "config/test.yaml")
    assert result.returncode != 0
    assert "Traceback" not in result.stdout
    assert "unknown key 'colour'; allowed are dataset" in result.stdout
    assert result.stdout.count("runs.float32.learning_rate: -1 is not allowed") == 1
    assert not (fresh / "results").exists()


@pytest.mark.parametrize("text", ["", "- 1\n- 2\n", "hello\n", "a: [1\n"])
def test_a_file_that_is_no_configuration_ends_in_one_message(fresh, text):
    (fresh / "config/test.yaml").write_text(text)
    result = snakemake(fresh, "--configfile", "config/test.yaml")
    assert result.returncode != 0
    assert "Traceback" not in result.stdout
    assert "config" in result.stdout.lower()
    assert not (fresh / "results").exists()
