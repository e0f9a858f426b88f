"""Which library files a job depends on: all that it imports, and nothing else."""

import shutil
from pathlib import Path

import pytest

from mirage.attacks.parameters import methods
from mirage.runtime import code
from mirage.study import kinds

SCRIPTS = Path(code.__file__).parents[2]
JOBS = sorted(SCRIPTS.glob("*.py"))


@pytest.fixture
def library(tmp_path):
    """Writes a script and modules of a package beside it; returns the files the script reaches."""

    def reached(script, files, *modules):
        package = tmp_path / "mirage"
        (package / "plots").mkdir(parents=True)
        for name, text in {"__init__": "", "plots/__init__": "", **files}.items():
            (package / f"{name}.py").write_text(text)
        (tmp_path / "script.py").write_text(script)
        script, *found = code.files(tmp_path / "script.py", *modules)
        assert script == tmp_path / "script.py"
        return {path.relative_to(package).with_suffix("").as_posix() for path in found}

    return reached


def names(script, *modules):
    """Modules of the real library that a real script reaches."""
    _, *found = code.files(SCRIPTS / script, *modules)
    return {path.relative_to(SCRIPTS / "mirage").with_suffix("").as_posix() for path in found}


@pytest.mark.parametrize(
    "statement",
    [
        "import mirage.rows",
        "import mirage.rows as r",
        "from mirage import rows",
        "from mirage import device, rows",
        "from mirage.rows import write_rows",
        "def later():\n    from mirage import rows",
        "if True:\n    import mirage.rows",
    ],
)
def test_every_kind_of_import_is_followed(library, statement):
    found = library(statement, {"rows": "", "device": "", "files": ""})
    assert {"__init__", "rows"} <= found <= {"__init__", "rows", "device"}


def test_imports_are_followed_through_modules_and_in_circles(library):
    files = {
        "rows": "from mirage import files",
        "files": "from mirage import images",
        "images": "from mirage import rows",
        "unrelated": "from mirage import rows",
    }
    assert library("import mirage.rows", files) == {"__init__", "rows", "files", "images"}


def test_the_packages_above_a_module_and_what_they_import_belong_to_it(library):
    files = {"plots/__init__": "import mirage.files", "plots/lines": "", "files": "", "rows": ""}
    found = library("from mirage.plots.lines import draw", files)
    assert found == {"__init__", "plots/__init__", "plots/lines", "files"}


def test_modules_loaded_by_name_are_followed(library):
    files = {"plots/lines": "import mirage.rows", "rows": "", "files": ""}
    found = library("", files, "plots.lines")
    assert found == {"__init__", "plots/__init__", "plots/lines", "rows"}


def test_other_packages_and_names_that_only_begin_alike_are_left_out(library):
    script = "import numpy\nimport mirages.rows\nfrom json import loads\nimport rows"
    assert library(script, {"rows": ""}) == set()


def test_the_hash_changes_with_any_of_the_files_and_with_nothing_else(tmp_path):
    copy = shutil.copytree(SCRIPTS, tmp_path / "scripts")
    job = copy / "attack.py"

    def now(*modules):
        for cached in (code.files, code.of):
            cached.cache_clear()
        return code.of(job, *modules)

    before = now("attacks.fgsm")
    assert before["script"] == "attack.py"
    assert before["modules"] == ["attacks.fgsm"]
    assert len(code.digests(copy, before)) == len(code.files(job, "attacks.fgsm"))
    (copy / "mirage/attacks/pgd.py").write_text("# another\n")
    assert now("attacks.fgsm") == before
    for file in ("attack.py", "mirage/attacks/fgsm.py", "mirage/models/networks.py"):
        with (copy / file).open("a") as stream:
            stream.write("# a comment\n")
        assert now("attacks.fgsm") != before
        assert code.digests(copy, before) is None
        before = now("attacks.fgsm")


def test_training_reaches_no_attack_plot_table_or_mirror():
    objectives = sorted((SCRIPTS / "mirage/training/objectives").glob("[!_]*.py"))
    found = names("train.py", *(f"training.objectives.{path.stem}" for path in objectives))
    assert {"training/chain", "models/networks", "training/objectives/fgsm_mixed"} <= found
    assert not found & {f"attacks/{method}" for method in methods()}
    forbidden = ("reporting", "data/mirrors", "data/datasets", "evaluation", "models/measures")
    assert not [name for name in found if name.startswith(forbidden)]


@pytest.mark.parametrize("script", ["attack.py", "examples.py"])
def test_an_attack_does_not_reach_the_other_attacks(script):
    fgsm, pgd = (names(script, f"attacks.{method}") for method in ("fgsm", "pgd"))
    common = {"attacks/gradients", "attacks/parameters/__init__", "evaluation/passes"}
    of_fgsm = {"attacks/fgsm", "attacks/parameters/fgsm"}
    of_pgd = {"attacks/pgd", "attacks/ball", "attacks/parameters/pgd"}
    assert common | of_fgsm <= fgsm
    assert common | of_pgd <= pgd
    assert not of_pgd & fgsm
    assert not of_fgsm & pgd


@pytest.mark.parametrize("plot", sorted({kind.plot for kind in kinds.KINDS}))
def test_a_figure_does_not_reach_the_other_kinds_of_plot(plot):
    found = names("figure.py", f"reporting.plots.{plot}")
    plots = {f"reporting/plots/{kind.plot}" for kind in kinds.KINDS}
    assert found & plots == {f"reporting/plots/{plot}"}
    forbidden = ("training", "attacks", "evaluation", "study/kinds")
    assert not [name for name in found if name.startswith(forbidden)]


@pytest.mark.parametrize("job", JOBS, ids=lambda path: path.name)
def test_no_job_reaches_the_plan(job):
    found = names(job.name)
    assert not found & {"study/config", "study/consistency", "study/study", "study/plan"}


def test_only_the_download_reaches_the_mirrors():
    assert [job.name for job in JOBS if "data/mirrors" in names(job.name)] == ["download.py"]
