"""What `import mirage` gives: names that cost nothing until they are used, no job more code."""

import ast
import doctest
import inspect
import subprocess
import sys

import pytest
from workflow import ROOT

import mirage
from mirage.runtime import code

SCRIPTS = ROOT / "scripts"
FUNCTIONS = [name for name in mirage.__all__ if name.islower()]


def python(text):
    """What a fresh Python prints that finds the library and nothing else of ours."""
    return subprocess.run(
        [sys.executable, "-c", text],
        env={"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_the_import_alone_loads_nothing_else():
    loaded = "{name.split('.')[0] for name in sys.modules}"
    heavy = "{'tensorflow', 'keras', 'numpy', 'pandas', 'matplotlib', 'snakemake', 'yaml'}"
    text = f"import sys, mirage\nprint({loaded} & {heavy})\n"
    text += "print([name for name in sys.modules if name.startswith('mirage')])"
    assert python(text) == "set()\n['mirage']"


def test_the_digits_need_no_tensorflow():
    assert python("import sys, mirage; mirage.digits(); print('tensorflow' in sys.modules)") == (
        "False"
    )


def test_a_name_is_the_one_of_its_module_and_shown_by_dir():
    from mirage.data import datasets

    assert mirage.digits is datasets.digits
    assert {*mirage.__all__, "__doc__"} <= set(dir(mirage))


def test_an_unknown_name_is_told_with_those_there_are():
    with pytest.raises(
        AttributeError, match=r"no attribute 'atack'; public are .*attack, audit, build"
    ):
        mirage.atack  # noqa: B018


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_says_what_it_returns_and_has_an_example(name):
    text = inspect.getdoc(getattr(mirage, name))
    assert "Returns:" in text
    assert doctest.DocTestParser().get_examples(text)
    takes = set(inspect.signature(getattr(mirage, name)).parameters)
    assert not [one for one in takes if f"{one}:" not in text and f"{one}," not in text]


def test_a_script_that_imports_mirage_depends_on_no_more_than_that(tmp_path):
    (tmp_path / "mirage").symlink_to(SCRIPTS / "mirage")
    (tmp_path / "script.py").write_text("import mirage\nmirage.attack\n")
    _, *found = code.files(tmp_path / "script.py")
    assert found == [tmp_path / "mirage/__init__.py"]


@pytest.mark.parametrize("job", sorted(SCRIPTS.glob("*.py")), ids=lambda path: path.stem)
def test_no_job_reaches_what_is_for_people_only(job):
    found = {path.relative_to(SCRIPTS / "mirage").parts for path in code.files(job)[1:]}
    if job.stem == "audit":  # it trains a network to transfer examples from
        found.remove(("training", "fit.py"))
    assert not found & {("evaluation", "single.py"), ("training", "fit.py"), ("__main__.py",)}
    assert not [parts for parts in found if parts[0] == "cli"]


@pytest.mark.parametrize(
    "file", sorted(SCRIPTS.rglob("*.py")), ids=lambda path: path.relative_to(SCRIPTS).as_posix()
)
def test_no_code_of_the_workflow_uses_a_public_name_which_would_hide_its_import(file):
    used = [
        alias.name
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if alias.name == "mirage" or (getattr(node, "module", "") == "mirage")
    ]
    rooms = {path.name for path in (SCRIPTS / "mirage").iterdir()}
    assert set(used) <= rooms
