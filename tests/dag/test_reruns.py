"""What runs again after a change: what depends on it, and nothing else.

Each test changes one thing in a finished run of config/test.yaml and states the jobs of a dry
run. `configuration` is among them whenever the configuration has changed: it is the record of it.
"""

import os
import shutil

import pytest
from workflow import read, reruns, write

FLOAT32_SWEEPS = {f"sweep float32 {seed} test fgsm float32" for seed in (1, 2)}
FLOAT64_SWEEPS = {
    "sweep float64 1 test fgsm float16",
    "sweep float64 1 test fgsm bfloat16",
    "sweep float64 1 test fgsm_exact float64",
    "sweep float64 1 test fgsm_filled float64",
}
TRANSFER = {"sweep float64 1 validation transfer float32"}
PGD = {f"attack float64 1 test pgd float64 {epsilon}" for epsilon in ("0.05", "0.1")}
EXAMPLES = {"examples float64 1 test fgsm_exact float64 4 0.2", "figure examples"}
# The published values stand beside the rows of these two tables.
ATTACK_TABLES = {"table attacks", "published"}
ALL_TABLES = ATTACK_TABLES | {"table measures", "table history"}

# What depends on all checkpoints of a run, or on its training at all.
OF_FLOAT32 = (
    FLOAT32_SWEEPS
    | {"measure float32 1", "measure float32 2", "figure by-epsilon", "figure spectral-norms"}
    | ALL_TABLES
)
OF_FLOAT64 = (
    FLOAT64_SWEEPS
    | TRANSFER
    | PGD
    | EXAMPLES
    | {"measure float64 1", "summary", "figure by-epoch", "figure losses"}
    | ALL_TABLES
)
TRAIN_FLOAT32 = {f"train float32 {seed} {epoch}" for seed in (1, 2) for epoch in (1, 2, 4)}
TRAIN_FLOAT64 = {"train float64 1 1", "train float64 1 4"}


@pytest.fixture
def change(run):
    """Change the configuration of the finished run; gives what runs again."""

    def rerun(edit):
        config = read(run, "config/test.yaml")
        edit(config)
        write(run, "config/test.yaml", config)
        return reruns(run)

    return rerun


@pytest.fixture
def edit(run):
    """Add a comment to a file of the finished run; gives what runs again."""

    def rerun(file):
        assert (run / file).exists()
        with (run / file).open("a") as stream:
            stream.write("\n# a comment\n")
        return reruns(run)

    return rerun


def test_nothing_runs_again_where_nothing_has_changed(finished):
    assert reruns(finished) == set()


# --- The configuration --------------------------------------------------------------------------


def test_an_epsilon_of_a_sweep_reruns_the_sweep_and_what_shows_it(change):
    jobs = change(lambda config: config["evaluations"][0]["epsilons"].append("0.2"))
    assert jobs == FLOAT32_SWEEPS | ATTACK_TABLES | {"figure by-epsilon", "configuration"}


def test_an_epsilon_of_an_iterative_attack_runs_it_at_that_epsilon_only(change):
    jobs = change(lambda config: config["evaluations"][4]["epsilons"].append("0.2"))
    new = {"attack float64 1 test pgd float64 0.2"}
    assert jobs == new | ATTACK_TABLES | {"configuration"}


def test_a_later_epoch_trains_one_link_for_each_seed(change):
    jobs = change(lambda config: config["runs"]["float32"]["epochs"].append(6))
    links = {f"train float32 {seed} 6" for seed in (1, 2)}
    assert jobs == links | OF_FLOAT32 | {"configuration"}


def test_a_seed_runs_its_own_jobs_and_what_is_made_of_all_seeds(change):
    jobs = change(lambda config: config["runs"]["float32"]["seeds"].append(3))
    new = {f"train float32 3 {epoch}" for epoch in (1, 2, 4)}
    new |= {"sweep float32 3 test fgsm float32", "measure float32 3"}
    means = {"figure by-epsilon", "figure spectral-norms"} | ALL_TABLES
    assert jobs == new | means | {"configuration"}


def test_a_learning_rate_reruns_its_run_only(change):
    jobs = change(lambda config: config["runs"]["float64"].update(learning_rate=0.1))
    assert jobs == TRAIN_FLOAT64 | OF_FLOAT64 | {"configuration"}


def test_a_learning_rate_of_a_transfer_source_reruns_the_transfer_as_well(change):
    jobs = change(lambda config: config["runs"]["float32"].update(learning_rate=0.1))
    assert jobs == TRAIN_FLOAT32 | OF_FLOAT32 | TRANSFER | {"configuration"}


def test_a_colour_reruns_its_figure_only(change):
    colours = {"FGSM": "black"}
    jobs = change(lambda config: config["figures"]["by-epsilon"].update(colours=colours))
    assert jobs == {"figure by-epsilon", "configuration"}


def test_a_new_attack_leaves_the_others_alone(change):
    def add(config):
        config["attacks"]["bim"] = {"method": "pgd", "gradient": "exact_sign", "steps": 1}
        config["evaluations"][4]["attacks"].append("bim")

    new = {f"attack float64 1 test bim float64 {epsilon}" for epsilon in ("0.05", "0.1")}
    assert change(add) == new | ATTACK_TABLES | {"configuration"}


def test_a_parameter_of_an_attack_reruns_that_attack_only(change):
    jobs = change(lambda config: config["attacks"]["pgd"].update(steps=3))
    shown = {"figure by-epoch", "summary"} | ATTACK_TABLES
    assert jobs == PGD | shown | {"configuration"}


def test_the_split_reruns_everything(change):
    jobs = change(lambda config: config["split"].update(train=310))
    assert jobs == {"prepare", "configuration"} | TRAIN_FLOAT32 | TRAIN_FLOAT64 | (
        OF_FLOAT32 | OF_FLOAT64
    )


def test_the_order_of_keys_and_a_default_written_out_rerun_nothing(change):
    def rewrite(config):
        for run in config["runs"].values():
            reversed_keys = dict(reversed(run.items()))
            run.clear()
            run.update({"objective": {"name": "cross_entropy"}, **reversed_keys})
        rate = config["runs"]["float64"]["learning_rate"]
        config["runs"]["float64"]["learning_rate"] = dict(reversed(rate.items()))
        config["runs"]["float32"]["optimizer"] = {"beta_1": 0.9, "name": "adam"}

    assert change(rewrite) <= {"configuration"}


# --- Code ---------------------------------------------------------------------------------------


def test_the_code_of_an_attack_reruns_that_attack_and_what_shows_it(edit):
    shown = {"figure by-epoch", "summary"} | ATTACK_TABLES
    assert edit("scripts/mirage/attacks/pgd.py") == PGD | shown
    assert edit("scripts/mirage/attacks/ball.py") == PGD | shown


def test_the_code_that_attacks_share_reruns_them_all_and_no_training(edit):
    jobs = edit("scripts/mirage/attacks/__init__.py")
    attacks = FLOAT32_SWEEPS | FLOAT64_SWEEPS | TRANSFER | PGD | EXAMPLES
    shown = {"figure by-epoch", "figure by-epsilon", "summary"} | ATTACK_TABLES
    assert jobs == attacks | shown


def test_the_code_of_an_objective_reruns_the_runs_that_are_trained_with_it(edit):
    jobs = edit("scripts/mirage/objectives/fgsm_mixed.py")
    assert jobs == TRAIN_FLOAT32 | OF_FLOAT32 | TRANSFER


def test_the_code_of_a_plot_reruns_the_figures_of_that_kind(edit):
    assert edit("scripts/mirage/plots/by_epoch.py") == {"figure by-epoch"}


def test_the_code_of_tables_reruns_tables_only(edit):
    assert edit("scripts/mirage/tables.py") == ALL_TABLES | {"summary"}


def test_published_values_rerun_what_shows_them(run):
    with (run / "resources/published/series.csv").open("a") as stream:
        stream.write("someone,table 1,someones,test,1,0.05,accuracy,0.5,\n")
    assert reruns(run) == {"published", "figure by-epoch"}


@pytest.mark.parametrize(
    "file",
    ["scripts/mirage/mirrors.py", "scripts/download.py"],
)
def test_the_code_of_the_download_reruns_nothing_where_nothing_is_downloaded(edit, file):
    assert edit(file) == set()


def test_the_code_that_checks_the_configuration_reruns_nothing(edit):
    assert edit("scripts/mirage/config.py") == set()


# --- What is no reason --------------------------------------------------------------------------


def test_text_beside_the_workflow_reruns_nothing(run):
    for name in ("README.md", "CHANGELOG.md"):
        (run / name).write_text("Something else.\n")
    assert reruns(run) == set()


def test_a_later_time_of_every_source_file_reruns_nothing(run):
    """As after `touch` or `git checkout`."""
    for path in run.rglob("*"):
        if path.is_file() and not {"results", ".snakemake"} & set(path.relative_to(run).parts):
            os.utime(path)
    assert reruns(run) == set()


def test_a_fresh_copy_of_the_sources_with_the_results_brought_along_reruns_nothing(finished, fresh):
    """Another folder; every source file younger than every result."""
    for name in ("results", ".snakemake"):
        shutil.copytree(finished / name, fresh / name)
    for path in fresh.rglob("*"):
        if path.is_file() and "results" not in path.relative_to(fresh).parts:
            os.utime(path)
    assert reruns(fresh) == set()


def test_a_configuration_of_another_name_and_the_same_content_reruns_nothing(run):
    (run / "config/test.yaml").rename(run / "mine.yaml")
    assert reruns(run, "mine.yaml") == set()
