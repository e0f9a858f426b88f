"""Which files and which job each wildcard stands for: pure functions of the configuration."""

import cProfile
import io
import json
import pstats

import pytest
from workflow import ROOT, planned, read

from mirage.data.jobs import Prepare
from mirage.evaluation import jobs
from mirage.runtime import provenance
from mirage.study import config, language
from mirage.study.jobs import Claims, Configuration, Table
from mirage.study.measured import Named
from mirage.study.paths import Paths, expand, size
from mirage.study.plan import Plan
from mirage.training.job import Link

RESULTS = "results/digits"


@pytest.fixture(scope="module")
def plan():
    return Plan(planned(ROOT, "config/test.yaml"), Paths(RESULTS), ROOT)


def job_of(text, kind):
    """A job as its script reads it; its text must say all of it."""
    job = kind.model_validate_json(text)
    assert job.text() == text
    return job


def test_a_pattern_is_crossed_in_the_order_of_its_wildcards():
    found = expand("{a}/{b}-{a}", {"b": ["x", "y"], "a": (1, 2), "unused": 3})
    assert found == ["1/x-1", "1/y-1", "2/x-2", "2/y-2"]


def test_an_epsilon_and_none_have_a_name_in_paths():
    assert (size("0.10"), size(None)) == ("eps0.10", "minimal")


def test_a_split_that_is_drawn_has_a_place_of_its_own(plan):
    assert plan.data("float32", "train") == f"{RESULTS}/data/300-100/train.npz"
    study = planned(ROOT, "config/test.yaml")
    study.config["runs"]["float32"]["split"] = {"train": 300, "validation": 0, "seed": 5}
    drawn = Plan(study, Paths(RESULTS), ROOT)
    assert drawn.data("float32", "train") == f"{RESULTS}/data/300-0-seed5/train.npz"
    for ending, seed in (("-seed5", 5), ("", None)):
        named = Named(train="300", validation="0", drawn=ending)
        job = job_of(drawn.prepare(named), Prepare)
        assert (job.train, job.validation, job.seed) == (300, 0, seed)


def test_a_link_starts_from_the_checkpoint_before_it(plan):
    first, second = (Named(run="float32", seed="2", epoch=epoch) for epoch in "14")
    folder = f"{RESULTS}/checkpoints/float32/seed2"
    assert plan.link_inputs(first)["before"] == []
    assert plan.link_inputs(second)["before"] == f"{folder}/epoch1.keras"
    job = job_of(plan.link(second), Link)
    assert (job.seed, job.first_epoch, job.last_epoch) == (2, 2, 4)
    assert (job.l2, job.batch_size, job.learning_rate) == (0.001, 50, 0.01)
    assert job.code["modules"] == ["training.objectives.fgsm_mixed"]


def test_a_tuned_run_starts_from_another_and_learns_from_an_attack_s_images(plan):
    found = plan.link_inputs(Named(run="tuned", seed="1", epoch="1"))
    assert found["before"] == f"{RESULTS}/checkpoints/float64/seed1/epoch4.keras"
    assert found["training"] == f"{RESULTS}/perturbed/float64/seed1/epoch4/deepfool_minimal.npz"
    assert job_of(plan.link(Named(run="tuned", seed="1", epoch="1")), Link).first_epoch == 1


def test_a_student_learns_from_its_teacher_which_is_trained_for_it():
    given = read(ROOT, "config/test.yaml")
    student = {**given["runs"]["float32"], "objective": {"name": "distilled", "temperature": 2.0}}
    given["runs"]["student"] = {**student, "teacher": {"run": "float32", "epoch": 4}}
    study = config.read(given, ROOT)
    alone = {**study.config, "evaluations": [], "gradients": [], "figures": {}, "probed": []}
    alone["audits"] = {}
    language.leave_out(alone, ["student"])
    assert set(alone["runs"]) == {"student", "float32"}
    found = Plan(study, Paths(RESULTS), ROOT)
    link = Named(run="student", seed="2", epoch="1")
    teacher = f"{RESULTS}/checkpoints/float32/seed2/epoch4.keras"
    assert found.link_inputs(link)["teacher"] == teacher
    assert found.link_inputs(Named(run="float32", seed="2", epoch="1"))["teacher"] == []
    job = job_of(found.link(link), Link)
    assert job.teacher == found.trained("float32")
    assert job.code["modules"] == ["training.objectives.distilled"]


def test_an_attack_says_all_that_its_script_needs(plan):
    named = {"run": "float64", "attack": "adaptive", "dtype": "float64", "defence": "smooth"}
    wildcards = Named(named, seed="1", split="test")
    job = job_of(plan.attack(wildcards), jobs.Attack)
    assert job.epsilons == ["0.05"]
    assert job.filter == {"method": "gaussian_smoothing", "sigma": 1}
    assert job.adaptive
    assert (job.seed, job.epochs, job.images) == (1, [1, 4], None)
    assert job.parameters == {"gradient": "exact_sign"}
    assert job.code["modules"] == ["attacks.fgsm", "models.defences"]
    first = job.columns(attack=job.attack, defence=job.defence)
    assert list(first) == ["dataset", "run", "seed", "epoch", "split", "attack", "defence"]


def test_a_gradient_says_all_that_its_script_needs_and_attacks_share_it(plan):
    named = {"run": "float64", "gradient": "exact_sign", "dtype": "float64", "defence": "smooth"}
    wildcards = Named(named, seed="1", split="test")
    job = job_of(plan.gradients(wildcards), jobs.Gradient)
    assert job.filter == {"method": "gaussian_smoothing", "sigma": 1}
    assert (job.seed, job.epochs, job.images) == (1, [1, 4], None)
    assert job.code["modules"] == ["models.defences"]
    folder = f"{RESULTS}/gradients/float64/seed1/test"
    shown = f"{folder}/bare/cross_entropy_mean/float16.csv"
    filtered = f"{folder}/smooth/exact_sign/float64.csv"
    assert plan.rows("gradients") == [filtered, shown]
    assert plan.figure_data("signs") == [filtered]
    assert plan.summary_gradients() == [shown]
    assert plan.gradient_table() == [f"{RESULTS}/tables/gradients.csv"]


def test_a_probe_says_all_that_its_script_needs_and_looks_at_the_last_checkpoint(plan):
    wildcards = Named(run="tuned", seed="1", probe="certified")
    job = job_of(plan.probe(wildcards), jobs.Probe)
    assert (job.seed, job.epochs, job.images, job.method) == (1, [2], 20, "bounds")
    assert job.parameters == {"epsilons": ["0.02"], "clip": [0, 1]}
    assert job.code["modules"] == ["evaluation.probes.bounds"]
    checkpoint = f"{RESULTS}/checkpoints/tuned/seed1/epoch2.keras"
    assert plan.probed(wildcards)["checkpoints"] == [checkpoint]
    assert plan.rows("measures")[-1] == f"{RESULTS}/probes/tuned/seed1/certified.csv"


def test_a_transfer_attack_takes_the_checkpoints_of_its_source_of_the_same_seed(plan):
    found = plan.attacked(Named(run="float64", seed="1", split="validation", attack="transfer"))
    folder = f"{RESULTS}/checkpoints/{{}}/seed1/epoch{{}}.keras"
    assert found["checkpoints"] == [folder.format("float64", epoch) for epoch in (1, 4)]
    assert found["sources"] == [folder.format("float32", epoch) for epoch in (1, 4)]


def test_each_kind_of_attack_has_its_files(plan):
    files = plan.rows("attacks")
    folder = f"{RESULTS}/attacks/float64/seed1/test/bare"
    assert f"{folder}/fgsm/float16/sweep.csv" in files
    assert {f"{folder}/pgd/float64/eps{epsilon}.csv" for epsilon in ("0.05", "0.1")} < set(files)
    assert f"{folder}/jsma/float64/minimal.csv" in files
    assert len(files) == len(set(files))


def test_a_figure_reads_what_its_series_show(plan):
    assert plan.figure_data("losses") == plan.per_seed(plan.paths.history, "float64", epoch=[1, 4])
    assert plan.figure_data("spectral-norms") == [
        f"{RESULTS}/measures/float32/seed{seed}.csv" for seed in (1, 2)
    ]
    (restarts,) = plan.figure_data("restarts")
    assert restarts.endswith("/pgd/float64/restarts_epoch4_eps0.1.csv")
    assert plan.all_restarts() == [restarts]
    assert plan.figure_published("by-epoch", "losses") == ["studies/yue2018/published.csv"]


def test_no_job_s_text_could_end_the_script_of_the_report_s_page(plan):
    job = Plan(plan.study, plan.paths, ROOT).table("cells", {"title": "</script>é"})
    assert "<" not in job
    assert job.isascii()
    assert json.loads(job)["options"] == {"title": "</script>é"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "Invalid JSON"),
        ('{"dataset": "mnist", "colour": 1}', "colour: Extra inputs are not permitted"),
    ],
)
def test_a_script_refuses_a_job_that_is_none(text, fault, capsys):
    with pytest.raises(SystemExit):
        Link.parser("Train.").parse_args(["--job", text])
    assert fault in capsys.readouterr().err


def test_the_plan_of_a_job_takes_as_many_calls_in_a_large_study(plan):
    given = read(ROOT, "config/test.yaml")
    runs = {f"run{number}": given["runs"]["float64"] for number in range(20)}
    epsilons = [f"{number / 100:g}" for number in range(1, 21)]
    given["runs"] |= runs
    given["also"].append({"run": ["float64", *runs], "attack": "pgd", "epsilons": epsilons})
    large = Plan(config.read(given, ROOT), Paths(RESULTS), ROOT)
    assert len(large.rows("attacks")) > len(plan.rows("attacks")) + 400
    of_run = Named(run="float64", seed="1", split="test", defence="bare", dtype="float64")
    methods = {
        "attack": Named(of_run, attack="pgd", epsilon="0.05"),
        "attacked": Named(of_run, attack="pgd"),
        "gradients": Named(of_run, gradient="exact_sign", defence="smooth"),
        "measure": of_run,
        "of_run": of_run,
        "link": Named(of_run, epoch="4"),
        "link_inputs": Named(of_run, epoch="4"),
    }
    for method, wildcards in methods.items():
        assert _calls(large, method, wildcards) == _calls(plan, method, wildcards), method


def _calls(plan, method, wildcards):
    """Calls of functions to plan one job, after another has been planned."""
    getattr(plan, method)(wildcards)
    profile = cProfile.Profile()
    profile.runcall(getattr(plan, method), wildcards)
    return pstats.Stats(profile).total_calls


def test_a_long_job_comes_in_pieces_that_linux_takes_and_no_option_begins_like():
    job = Configuration(configuration={"text": "x-" * 200_000})
    pieces = job.text()
    assert len(pieces) > 4
    assert all(len(one) < 128 * 1024 and not one.startswith("-") for one in pieces)
    assert Configuration.parser("Write.").parse_args(["--job", *pieces]).job == job
    recorded = [repr(pieces), repr("another parameter")]
    assert Configuration.model_validate(provenance.specification(recorded)) == job


def test_more_words_than_a_command_line_takes_come_through_standard_input(monkeypatch):
    job = Table(table="attacks", options={"text": "ü\n"})
    words = ["--job", job.text(), "--data", *["a name, ü\n"] * 100_000, "-"]
    parser = Table.parser("Make.")
    parser.add_argument("--data", nargs="+")
    content = io.BytesIO("".join(f"{word}\0" for word in words).encode())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(content))
    monkeypatch.setattr("sys.argv", ["table.py", "-"])
    found = parser.parse_args()
    assert found.job == job
    assert found.data == words[3:]
    assert parser.parse_args(words[:4]).data == words[3:4]


def test_the_ledger_knows_which_attacks_stay_in_one_ball():
    attacks = {
        "fgsm": {"method": "fgsm", "gradient": "exact_sign"},
        "pgd": {"method": "pgd", "gradient": "exact_sign"},
        "round": {"method": "pgd", "gradient": "exact_sign", "norm": "l2"},
        **{name: {"method": name} for name in ("square", "noise", "deepfool")},
    }
    select = {"run": "one", "attack": list(attacks), "epsilon": "0.1"}
    minimal = {"run": "one", "attack": "deepfool"}
    test = [{"kind": "measurement", "select": one} for one in (select, minimal)]
    given = {
        "dataset": "digits",
        "runs": {"one": {"network": {"name": "mlp", "hidden": [4]}, "epochs": [1]}},
        "attacks": attacks,
        "claims": [{"id": "own-01", "statement": "It is shown.", "test": test}],
    }
    plan = Plan(config.read(given, ROOT), Paths(RESULTS), ROOT)
    assert job_of(plan.claims(), Claims).ball == {"fgsm": "fgsm", "pgd": "pgd", "square": "square"}
