"""What runs again after a change: what depends on it, and nothing else.

Each test changes one thing in a finished run of config/test.yaml and states the jobs of a dry
run. `configuration` is among them whenever the configuration has changed: it is the record of it.
"""

import os
import shutil

import pytest
from changes import ALL_TABLES, ATTACK_TABLES, CHANGES, a_word_in_a_caption_reruns_nothing, append
from workflow import plan, read, reruns, snakemake, write

FLOAT32_SWEEPS = {f"sweep float32 {seed} test bare fgsm float32" for seed in (1, 2)}
FLOAT16_SWEEP = {"sweep float64 1 test bare fgsm float16"}
EXACT_SWEEP = {"sweep float64 1 test bare fgsm_exact float64"}
BLIND, ADAPTIVE = (
    {f"sweep float64 1 test smooth {attack} float64"} for attack in ("fgsm_exact", "adaptive")
)
TRANSFER = {"sweep float64 1 validation bare transfer float32"}
NOISE = {"sweep small 1 test bare noise float32"}
PGD = {f"attack float64 1 test bare pgd float64 {epsilon}" for epsilon in ("0.05", "0.1")}
RESTARTS = {"restarts float64 1 test bare pgd float64 4 0.1"}
JSMA = {"minimal float64 1 test bare jsma float64"}
DEEPFOOL = {"minimal tuned 1 test bare deepfool float64"}
# Of the summary, which shows the gradient of plain FGSM in float16, and behind the filter, with its
# figure.
PLAIN_GRADIENT = {"gradients float64 1 test bare cross_entropy_mean float16"}
SMOOTH_GRADIENT = {"gradients float64 1 test smooth exact_sign float64", "figure signs"}
PERTURB = {"perturb float64 1 4 deepfool minimal"}
# Images to be looked at, under FGSM behind the filter and not, and under DeepFool.
FILTERED, OPEN = (
    {f"examples float64 1 test {defence} fgsm_exact float64 4 eps0.2"}
    for defence in ("smooth", "bare")
)
DEEPFOOL_IMAGES = {"examples float64 1 test bare deepfool float64 4 minimal"}

GRADIENT_TABLES = {"table gradients", "published", "claims"}
# What shows the attacks of PGD, and those of the plain FGSM.
OF_PGD = {"figure by-epoch", "summary", "cells rana-table1"} | ATTACK_TABLES

# What depends on all checkpoints of a run, or on its training at all.
OF_FLOAT32 = (
    FLOAT32_SWEEPS
    | {"measure float32 1", "measure float32 2", "figure by-epsilon", "figure spectral-norms"}
    | ALL_TABLES
)
AUDIT = {"audit tuned tuned/seed1/epoch2", "audits"}
PAGE = "audit.html.j2"
PROBE = {"probe tuned 1 certified"}
OF_PROBE = PROBE | {"table measures", "figure ladder", "published", "claims"}
OF_TUNED = DEEPFOOL | PROBE | AUDIT | {"figure ladder", "measure tuned 1"} | ALL_TABLES
OF_SMALL = NOISE | {"measure small 1"} | ALL_TABLES
ATTACKS_ON_FLOAT64 = FLOAT16_SWEEP | EXACT_SWEEP | BLIND | ADAPTIVE | TRANSFER | PGD | JSMA
IMAGES = FILTERED | OPEN | DEEPFOOL_IMAGES
OF_FLOAT64 = (
    ATTACKS_ON_FLOAT64
    | PLAIN_GRADIENT
    | SMOOTH_GRADIENT
    | GRADIENT_TABLES
    | IMAGES
    | RESTARTS
    | {f"figure {name}" for name in ("examples", "filtered", "restarts", "by-value", "losses")}
    | {"measure float64 1"}
    | OF_PGD
    | ALL_TABLES
)
TRAIN_FLOAT32 = {f"train float32 {seed} {epoch}" for seed in (1, 2) for epoch in (1, 4)}
TRAIN_FLOAT64 = {"train float64 1 1", "train float64 1 4"}
TRAIN_TUNED = {"train tuned 1 1", "train tuned 1 2"}
TRAIN_SMALL = {"train small 1 1"}
# What is made anew of a run that is trained on the answers of an attack on float64.
TUNED_ANEW = PERTURB | TRAIN_TUNED | OF_TUNED


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
        append(run / file)
        return reruns(run)

    return rerun


def test_nothing_runs_again_where_nothing_has_changed(finished):
    """Not even for the images of an attack that a run was trained on, which are not kept."""
    assert not list((finished / "results").glob("*/perturbed/**/*.npz"))
    assert reruns(finished) == set()


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_the_table_of_the_design(run, change):
    """Each line is also run for real, in tests/end_to_end/test_rerun_for_real.py."""
    expected = change(run)
    assert reruns(run) == expected


# --- The configuration --------------------------------------------------------------------------


def test_an_epsilon_of_an_iterative_attack_runs_it_at_that_epsilon_only(change):
    def add(config):
        config["tables"]["rana-table1"]["common"]["epsilons"].append("0.2")

    new = {"attack float64 1 test bare pgd float64 0.2"}
    assert change(add) == new | ATTACK_TABLES | {"cells rana-table1", "configuration"}


@pytest.mark.thorough
def test_fewer_seeds_make_anew_what_is_made_of_all_seeds_and_nothing_else(change):
    jobs = change(lambda config: config.update(max_seeds=1))
    means = {"figure by-epsilon", "figure spectral-norms"} | ALL_TABLES
    assert jobs == means | {"configuration"}


def test_a_learning_rate_reruns_its_run_and_the_one_that_starts_from_it(change):
    jobs = change(lambda config: config["runs"]["float64"].update(learning_rate=0.1))
    assert jobs == TRAIN_FLOAT64 | OF_FLOAT64 | TUNED_ANEW | {"configuration"}


@pytest.mark.thorough
def test_a_learning_rate_of_a_transfer_source_reruns_the_transfer_as_well(change):
    jobs = change(lambda config: config["runs"]["float32"].update(learning_rate=0.1))
    assert jobs == TRAIN_FLOAT32 | OF_FLOAT32 | TRANSFER | {"configuration"}


@pytest.mark.thorough
def test_a_learning_rate_of_a_tuned_run_leaves_the_run_it_starts_from_alone(change):
    jobs = change(lambda config: config["runs"]["tuned"].update(learning_rate=0.1))
    # The images it is trained on are not kept: they are made again for it.
    assert jobs == TUNED_ANEW | {"configuration"}


@pytest.mark.thorough
def test_a_later_epoch_of_a_tuned_run_trains_it_anew(change):
    """Since the images it is trained on are not kept, and are younger once they are made again."""
    jobs = change(lambda config: config["runs"]["tuned"]["epochs"].append(3))
    # The last epoch is the one that is audited.
    anew = TUNED_ANEW - AUDIT | {"audits", "audit tuned tuned/seed1/epoch3"}
    assert jobs == anew | {"train tuned 1 3", "configuration"}


@pytest.mark.thorough
def test_an_objective_s_parameter_reruns_its_run_only(change):
    jobs = change(lambda config: config["runs"]["small"]["objective"].update(steps=3))
    assert jobs == TRAIN_SMALL | OF_SMALL | {"configuration"}


@pytest.mark.thorough
def test_a_word_in_a_caption_is_in_the_report_though_nothing_has_run(run):
    a_word_in_a_caption_reruns_nothing(run)
    done = snakemake(run, "--configfile", "config/test.yaml", "--report", "mine.html")
    assert done.returncode == 0, done.stdout
    report = (run / "mine.html").read_text(encoding="utf-8")
    assert "<p>Oneword.</p>" in report
    assert "<p>Otherword.</p>" in report


@pytest.mark.thorough
def test_a_column_of_a_table_reruns_that_table_only(change):
    column = {"label": "linf", "attack": "jsma", "value": "rho_linf"}
    jobs = change(lambda config: config["tables"]["rana-table1"]["columns"].append(column))
    assert jobs == {"cells rana-table1", "configuration"}


@pytest.mark.thorough
def test_a_new_table_makes_that_table_only(change):
    def add(config):
        rows = [{"label": "a", "run": "small", "attack": "noise", "epsilon": "0.3"}]
        columns = [{"label": "b", "split": "test", "value": "accuracy"}]
        text = {"title": "", "caption": "", "category": ""}
        config["tables"]["new"] = {**text, "rows": rows, "columns": columns}

    assert change(add) == {"cells new", "configuration"}


@pytest.mark.thorough
def test_a_new_attack_leaves_the_others_alone(change):
    def add(config):
        config["attacks"]["bim"] = {"method": "pgd", "gradient": "exact_sign", "steps": 1}
        entry = {"run": "float64", "attack": "bim", "epsilons": ["0.05", "0.1"]}
        config["also"].append(entry)

    new = {f"attack float64 1 test bare bim float64 {epsilon}" for epsilon in ("0.05", "0.1")}
    assert change(add) == new | ATTACK_TABLES | {"configuration"}


def test_a_parameter_of_an_attack_reruns_that_attack_only(change):
    jobs = change(lambda config: config["attacks"]["pgd"].update(steps=3))
    assert jobs == PGD | RESTARTS | OF_PGD | {"figure restarts", "configuration"}


@pytest.mark.thorough
def test_a_parameter_of_an_attack_reruns_what_is_trained_on_its_answers(change):
    jobs = change(lambda config: config["attacks"]["deepfool"].update(iterations=6))
    shown = DEEPFOOL_IMAGES | {"figure examples"}
    assert jobs == TUNED_ANEW | shown | {"configuration"}


@pytest.mark.thorough
def test_a_parameter_of_a_defence_reruns_what_stands_behind_it_only(change):
    jobs = change(lambda config: config["defences"]["smooth"].update(sigma=2))
    shown = {"figure by-value", "figure filtered"} | ATTACK_TABLES | GRADIENT_TABLES
    measured = BLIND | ADAPTIVE | FILTERED | SMOOTH_GRADIENT
    assert jobs == measured | shown | {"configuration"}


@pytest.mark.thorough
def test_a_new_defence_makes_its_own_jobs_only(change):
    def add(config):
        config["defences"]["edges"] = {"method": "high_pass", "cutoff": 2}
        entry = {"run": "float64", "attack": ["fgsm_exact", "adaptive"], "epsilon": "0.05"}
        config["also"].append({**entry, "defence": "edges"})

    new = {f"sweep float64 1 test edges {attack} float64" for attack in ("fgsm_exact", "adaptive")}
    assert change(add) == new | ATTACK_TABLES | {"configuration"}


@pytest.mark.thorough
def test_another_number_of_images_reruns_the_attack_on_them(change):
    jobs = change(lambda config: config["runs"]["float64"]["images"].update(jsma=30))
    assert jobs == JSMA | {"cells rana-table1", "configuration"} | ATTACK_TABLES


@pytest.mark.thorough
def test_the_split_reruns_everything_that_has_no_split_of_its_own(change):
    jobs = change(lambda config: config["split"].update(train=310))
    assert jobs == {"prepare 310 100", "configuration"} | TRAIN_FLOAT32 | TRAIN_FLOAT64 | (
        OF_FLOAT32 | OF_FLOAT64 | TUNED_ANEW
    )


@pytest.mark.thorough
def test_the_split_of_a_run_reruns_that_run_and_its_pictures(change):
    jobs = change(lambda config: config["runs"]["small"]["split"].update(train=210))
    assert jobs == {"prepare 210 50", "figure digits", "configuration"} | TRAIN_SMALL | OF_SMALL


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


@pytest.mark.parametrize(
    "name",
    [
        "attacks/pgd",
        *(
            pytest.param(f"attacks/{name}", marks=pytest.mark.thorough)
            for name in ("parameters/pgd", "ball")
        ),
    ],
)
def test_the_code_of_an_attack_reruns_that_attack_and_what_shows_it(edit, name):
    """An audit makes use of it, and DeepFool of the ball; one run is trained with PGD."""
    jobs = edit(f"scripts/mirage/{name}.py")
    of_pgd = PGD | RESTARTS | OF_PGD | AUDIT | {"figure restarts"}
    of_ball = TUNED_ANEW | DEEPFOOL_IMAGES | {"figure examples"} | TRAIN_SMALL | OF_SMALL
    assert jobs == of_pgd | (of_ball if name == "attacks/ball" else set())


@pytest.mark.thorough
def test_the_code_of_an_attack_reruns_what_is_trained_on_its_answers(edit):
    jobs = edit("scripts/mirage/attacks/deepfool.py")
    assert jobs == TUNED_ANEW | DEEPFOOL_IMAGES | {"figure examples"}


@pytest.mark.thorough
def test_the_code_of_the_defences_reruns_what_stands_behind_one(edit):
    jobs = edit("scripts/mirage/models/defences.py")
    shown = {"figure by-value", "figure filtered"} | ATTACK_TABLES | GRADIENT_TABLES
    # An audit asks there for the shape of an image.
    assert jobs == BLIND | ADAPTIVE | FILTERED | SMOOTH_GRADIENT | shown | AUDIT


@pytest.mark.thorough
def test_the_code_that_attacks_share_reruns_them_all_and_no_training_but_on_their_answers(edit):
    jobs = edit("scripts/mirage/evaluation/passes.py")
    attacks = ATTACKS_ON_FLOAT64 | FLOAT32_SWEEPS | NOISE | IMAGES
    shown = {f"figure {name}" for name in ("by-epsilon", "by-value", "examples", "filtered")}
    measures = {f"measure {run} 1" for run in ("float32", "float64", "small")}
    measured = measures | {"measure float32 2", "table measures", "figure spectral-norms"}
    measured |= PLAIN_GRADIENT | SMOOTH_GRADIENT | GRADIENT_TABLES
    assert jobs == attacks | shown | measured | OF_PGD | TUNED_ANEW


def test_the_code_of_the_measures_of_a_gradient_reruns_them_and_no_attack(edit):
    of_gradients = PLAIN_GRADIENT | SMOOTH_GRADIENT | GRADIENT_TABLES | {"summary"}
    assert edit("scripts/mirage/evaluation/masking.py") == of_gradients


@pytest.mark.thorough
def test_the_code_of_gradients_reruns_attacks_and_the_measures_of_gradients(edit):
    jobs = edit("scripts/mirage/attacks/gradients.py")
    assert jobs >= PLAIN_GRADIENT | SMOOTH_GRADIENT | ATTACKS_ON_FLOAT64 | FLOAT32_SWEEPS | NOISE


@pytest.mark.thorough
def test_a_gradient_that_is_asked_for_runs_alone(change):
    entry = {"run": "small", "gradient": "exact_sign"}
    new = {"gradients small 1 test bare exact_sign float32"}
    jobs = change(lambda config: config["also"].append(entry))
    assert jobs == new | GRADIENT_TABLES | {"configuration"}


@pytest.mark.thorough
def test_a_probe_s_parameters_rerun_it_alone(change):
    def more(config):
        config["probes"]["certified"]["epsilons"].append("0.03")

    assert change(more) == OF_PROBE | {"configuration"}


def test_a_probe_s_code_reruns_it_and_no_other(edit):
    assert edit("scripts/mirage/evaluation/probes/linearity.py") == set()
    assert edit("scripts/mirage/evaluation/probes/bounds.py") == OF_PROBE


def test_an_option_of_an_audit_reruns_that_audit_only(change):
    def add(config):
        config["audits"]["other"] = {**config["audits"]["tuned"], "run": "small"}

    assert change(add) == {"audit other small/seed1/epoch1", "audits", "configuration"}


def test_an_audit_s_images_rerun_it_and_no_other_job(change):
    jobs = change(lambda config: config["audits"]["tuned"].update(images=30))
    assert jobs == AUDIT | {"configuration"}


@pytest.mark.parametrize(
    "name",
    [
        "page.py",
        *(pytest.param(name, marks=pytest.mark.thorough) for name in ("verdict.py", PAGE)),
    ],
)
def test_the_code_of_audits_reruns_them_only(edit, name):
    # A quick audit looks at no indicator of many steps.
    assert edit("scripts/mirage/auditing/indicators/unbounded.py") == set()
    assert edit("scripts/mirage/reporting/audits.py") == {"audits"}
    assert edit(f"scripts/mirage/auditing/{name}") == AUDIT


@pytest.mark.thorough
def test_the_code_of_restarts_reruns_them_only(edit):
    assert edit("scripts/mirage/evaluation/restarts.py") == RESTARTS | {"figure restarts", "claims"}


def test_the_code_of_an_objective_reruns_the_runs_that_are_trained_with_it(edit):
    jobs = edit("scripts/mirage/training/objectives/fgsm_mixed.py")
    assert jobs == TRAIN_FLOAT32 | OF_FLOAT32 | TRANSFER
    jobs = edit("scripts/mirage/training/objectives/pgd.py")
    assert jobs == TRAIN_FLOAT32 | OF_FLOAT32 | TRANSFER | TRAIN_SMALL | OF_SMALL


@pytest.mark.parametrize("plot", ["restarts", pytest.param("lines", marks=pytest.mark.thorough)])
def test_the_code_of_a_plot_reruns_the_figures_of_that_kind(edit, plot):
    figures = {
        "restarts": {"figure restarts"},
        "lines": {f"figure by-{x}" for x in ("epoch", "epsilon", "value")}
        | {"figure losses", "figure spectral-norms", "figure signs"},
    }
    assert edit(f"scripts/mirage/reporting/plots/{plot}.py") == figures[plot]


@pytest.mark.thorough
def test_the_code_of_tables_reruns_tables_only(edit):
    of_tables = ALL_TABLES | GRADIENT_TABLES | {"summary", "cells rana-table1", "audits"}
    assert edit("scripts/mirage/reporting/tables.py") == of_tables


@pytest.mark.thorough
def test_published_values_rerun_what_shows_them(run):
    with (run / "studies/yue2018/published.csv").open("a") as stream:
        stream.write("someone,table 1,fig1,test,1,0.05,accuracy,,0.5,\n")
    # The ledger runs each test on the numbers of its source, too.
    assert reruns(run) == {"published", "figure by-epoch", "claims"}


@pytest.mark.thorough
def test_published_cells_rerun_the_tables_of_cells(run):
    with (run / "studies/rana/published.csv").open("a") as stream:
        stream.write("someone,table 1,table1/784-512-10/jsma,,,,,,0.5,\n")
    assert reruns(run) == {"cells rana-table1", "claims"}


@pytest.mark.thorough
@pytest.mark.parametrize("file", ["scripts/mirage/data/mirrors.py", "scripts/download.py"])
def test_the_code_of_the_download_reruns_nothing_where_nothing_is_downloaded(edit, file):
    assert edit(file) == set()


JUDGING = (
    *("study/typed", "study/sentences", "study/model_claims", "study/model_shown"),
    *("study/documents", "study/library", "study/by_gradient"),
)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "name",
    [
        *("study/config", "study/consistency", "study/limits", "study/drawable", "study/study"),
        *("study/language", "study/needed", "study/model"),
        *JUDGING,
    ],
)
def test_the_code_that_checks_the_configuration_reruns_nothing(edit, name):
    # The claims are read and checked by the same code.
    assert edit(f"scripts/mirage/{name}.py") == ({"claims"} if name in JUDGING else set())


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["provenance", "machine"])
def test_the_code_of_the_record_makes_the_record_anew_and_nothing_else(edit, run, name):
    assert edit("scripts/provenance.py") == set()
    assert plan(run, "--configfile", "config/test.yaml") == {"provenance": 1, "all": 1}
    # An audit says for itself what it was made with.
    assert edit(f"scripts/mirage/runtime/{name}.py") == AUDIT


# --- What is no reason --------------------------------------------------------------------------


def test_a_fresh_copy_of_the_sources_with_the_results_brought_along_reruns_nothing(finished, fresh):
    """Another folder; every source file younger than every result."""
    for name in ("results", ".snakemake"):
        shutil.copytree(finished / name, fresh / name)
    for path in fresh.rglob("*"):
        if path.is_file() and "results" not in path.relative_to(fresh).parts:
            os.utime(path)
    assert reruns(fresh) == set()


@pytest.mark.thorough
def test_a_configuration_of_another_name_and_the_same_content_reruns_nothing(run):
    (run / "config/test.yaml").rename(run / "mine.yaml")
    assert reruns(run, "mine.yaml") == set()
