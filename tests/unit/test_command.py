"""The command `mirage`, in a clone and installed."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib

import jsonschema
import pytest
import yaml
from workflow import ROOT, environment

from mirage.auditing.verdict import EXIT_CODES
from mirage.cli import check
from mirage.cli.command import _OPTIONS, main

LIBRARY = ROOT / "scripts/mirage"


def command(*arguments, folder, **variables):
    done = subprocess.run(
        list(map(str, arguments)),
        cwd=folder,
        env=environment() | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (["config/quick.yaml"], "1 run, 2 attacks, 7 figures"),
        (["config/tour.yaml"], r"\d\d runs, \d\d attacks, \d\d figures, 2 audits"),
    ],
)
def test_check_counts_what_can_be_run(monkeypatch, capsys, files, told):
    monkeypatch.chdir(ROOT)
    main(["check", *files])
    said = rf"{' '.join(files)}: can be run \({told}\)\n"
    assert re.fullmatch(said, capsys.readouterr().out)


def test_check_puts_files_together_as_snakemake_does(tmp_path):
    for name, text in {
        "first": "runs: {a: {seeds: [1], epochs: [1]}}\nfolder: x",
        "second": "runs: {a: {seeds: [2, 3]}, b: {}}\nfolder: y",
    }.items():
        (tmp_path / name).write_text(text)
    found = check.together([tmp_path / "first", tmp_path / "second"])
    assert found == {"runs": {"a": {"seeds": [2, 3], "epochs": [1]}, "b": {}}, "folder": "y"}


def test_check_says_every_fault(tmp_path, monkeypatch):
    config = yaml.safe_load((ROOT / "config/quick.yaml").read_text())
    config["dataset"] = "digit"
    config["runs"]["float32"]["learning_rate"] = -1
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["check", "mine.yaml"])
    first, *faults = ended.value.code.splitlines()
    assert first == "check: the configuration cannot be run:"
    assert [fault.split(":")[0] for fault in faults] == [
        "  - dataset",
        "  - runs.float32.learning_rate",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "mine.yaml: there is no such file"),
        ("", "mine.yaml: it must be a mapping of keys to values"),
        ("[1]", "mine.yaml: it must be a mapping of keys to values"),
        ("a: 1\na: 2\n", "line 2: the key 'a' stands here a second time"),
        ("a: [", "mine.yaml, line 1: it cannot be read as YAML"),
        ("__use_yte__: true\n? a", "unknown key"),  # its templates would run code
    ],
)
def test_check_says_what_is_wrong_with_a_file(tmp_path, monkeypatch, text, told):
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["check", "mine.yaml"])
    assert ended.value.code.startswith("check: ")
    assert told in ended.value.code


@pytest.mark.parametrize("verb", ["audit", "check", "origin", "schema"])
def test_the_help_of_a_verb_has_an_example_that_the_verb_takes(capsys, verb):
    with pytest.raises(SystemExit, match="0"):
        main([verb, "--help"])
    shown = capsys.readouterr().out
    assert f"\n  mirage {verb} " in shown
    assert "exit status: 0 if" in shown


def test_the_docs_name_every_option_and_exit_status_of_the_audit():
    text = "".join(path.read_text() for path in (ROOT / "docs").glob("audit*.md"))
    assert not [name for name in _OPTIONS if f"`{name}" not in text]
    for name, status in EXIT_CODES.items():
        assert re.search(rf"^\| {status} \|.*\*{name}\*", text, re.M)


def test_a_verb_that_is_none_is_told_with_those_there_are(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["chek"])
    assert "choose from" in (said := capsys.readouterr().err)
    assert all(verb in said for verb in ("audit", "check", "origin", "schema"))


def test_every_verb_has_a_file_and_every_file_a_verb(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    files = {path.stem for path in (LIBRARY / "cli").glob("*.py")}
    for verb in files - {"__init__", "command", "workflow"}:
        assert f"\n    {verb} " in shown


@pytest.mark.parametrize("how", [[LIBRARY], ["-m", "mirage"]], ids=["folder", "module"])
def test_the_library_runs_as_the_command_from_any_folder(tmp_path, how):
    (tmp_path / "study").mkdir()  # like a room: it must not stand in its place
    found = {"PYTHONPATH": str(ROOT / "scripts")} if how[0] == "-m" else {}
    status, said = command(sys.executable, *how, "check", "x", folder=tmp_path, **found)
    assert (status, said) == (1, "check: x: there is no such file\n")


def test_the_schemas_are_those_of_the_models(tmp_path):
    main(["schema", str(tmp_path / "mine")])
    written = {file.name: file.read_text() for file in (tmp_path / "mine").iterdir()}
    committed = {file.name: file.read_text() for file in (ROOT / "workflow/schemas").iterdir()}
    assert written == committed, "run `python scripts/mirage schema workflow/schemas`"


def test_an_editor_accepts_what_is_shipped_and_marks_what_is_wrong():
    """By a validator of JSON Schema, which Snakemake brings along."""
    config, claims = (
        jsonschema.Draft202012Validator(
            json.loads((ROOT / f"workflow/schemas/{name}.schema.json").read_text())
        )
        for name in ("config", "claims")
    )
    shipped = [ROOT / "config.yaml", ROOT / "studies/catalogue.yaml", *ROOT.glob("config/*.yaml")]
    for file in [*shipped, *ROOT.glob("studies/*/study.yaml")]:
        config.validate(yaml.safe_load(file.read_text()))
    for file in ROOT.glob("studies/*/claims.yaml"):
        claims.validate(yaml.safe_load(file.read_text()))
    for wrong in (
        {"run": {}},
        {"runs": {"A": {}}},
        {"runs": {"a": {"network": {"name": "mlp", "hidden": [0]}}}},
        {"runs": {"a": {"epochs": None}}},
        {"attacks": {"a": {"method": "fgsm"}}},
        {"grids": {"a": ["0.1", "0.1"]}},
    ):
        assert not config.is_valid(wrong), wrong
    assert not claims.is_valid({"claims": [{"id": "a-01"}]})


# --- Installed -----------------------------------------------------------------------------------


def test_every_folder_of_the_library_is_installed():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = {path.parent.relative_to(ROOT / "scripts") for path in LIBRARY.rglob("*.py")}
    own = {".".join(folder.parts) for folder in folders}
    studies = {f"mirage.studies.{path.parent.name}" for path in ROOT.glob("studies/*/study.yaml")}
    assert set(settings["packages"]) == {*own, *studies, "mirage.studies"}
    files = [path for path in LIBRARY.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert {f"*{path.suffix}" for path in files} <= {"*.py", *settings["package-data"]["*"]}


@pytest.mark.thorough
def test_pip_installs_the_library_alone_and_the_command(tmp_path):
    uv = shutil.which("uv") or ROOT / ".tools/bin/uv"
    if not os.access(uv, os.X_OK):
        pytest.skip("needs uv, which `make` puts into .tools")
    # A copy: a build leaves its files beside the sources.
    source, venv, away = (tmp_path / name for name in ("source", "venv", "away"))
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("scripts", "studies"):
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    away.mkdir()
    python = venv / "bin/python"
    assert command(uv, "venv", "-q", "--python", sys.executable, venv, folder=away)[0] == 0
    install = [uv, "pip", "install", "-q", "--python", python, "--no-deps", source]
    status, said = command(*install, folder=away)
    if status and "setuptools" in said:
        pytest.skip(f"the package index, which setuptools comes from, cannot be reached: {said}")
    assert status == 0, said

    (site,) = venv.glob("lib/python*/site-packages")
    modules = {path.name for path in site.iterdir()}
    assert not modules & {path.name for path in (ROOT / "scripts").glob("*.py")}
    for kind in ("*.py", "*.j2"):
        installed = {path.relative_to(site / "mirage") for path in (site / "mirage").rglob(kind)}
        of_studies = {path.relative_to(ROOT) for path in (ROOT / "studies").rglob(kind)}
        assert installed == {path.relative_to(LIBRARY) for path in LIBRARY.rglob(kind)} | of_studies

    # Nothing else is installed: neither the import nor the help needs it.
    print_names = "import mirage; print(mirage.__file__, *mirage.__all__)"
    status, said = command(python, "-c", print_names, folder=away)
    assert status == 0, said
    assert said.startswith(f"{site / 'mirage'}/")
    assert "attack" in said.split()
    for how in ([venv / "bin/mirage"], [python, "-m", "mirage"]):
        status, said = command(*how, "--help", folder=away)
        assert (status, said.split()[:2]) == (0, ["usage:", "mirage"])

    # With the packages of this environment, it finds what it reads in itself.
    others = {"PYTHONPATH": sysconfig.get_path("purelib")}
    quick = ROOT / "config/quick.yaml"
    status, said = command(venv / "bin/mirage", "check", quick, folder=away, **others)
    assert (status, said) == (0, f"{quick}: can be run (1 run, 2 attacks, 7 figures)\n")
    (away / "hao.yaml").write_text("studies: [hao]\n")
    status, said = command(venv / "bin/mirage", "check", "hao.yaml", folder=away, **others)
    assert status == 0, said
