"""A script ends with one message for people; what nobody can mend keeps its traceback."""

import ast
import subprocess
import sys

import pytest
from workflow import ROOT

from mirage.runtime.errors import MirageError

SCRIPTS = [
    file for file in sorted((ROOT / "scripts").glob("*.py")) if "def main(" in file.read_text()
]


@pytest.fixture
def run(tmp_path):
    """Runs a script `mine.py` whose main does what the text says; gives its status and its log."""

    def run(text):
        (tmp_path / "mine.py").write_text(
            "from mirage.runtime.errors import MirageError, script\n"
            f"@script\ndef main():\n    {text}\nmain()\n"
        )
        done = subprocess.run(
            [sys.executable, tmp_path / "mine.py"],
            env={"PYTHONPATH": str(ROOT / "scripts")},
            text=True,
            stderr=subprocess.PIPE,
            check=False,
        )
        return done.returncode, done.stderr

    return run


@pytest.mark.parametrize("error", ["MirageError('no file')", "OSError('no file')"])
def test_a_fault_that_can_be_mended_is_told_in_a_line_after_the_name_of_the_script(run, error):
    assert run(f"raise {error}") == (1, "mine: no file\n")


def test_a_fault_of_the_program_keeps_its_traceback(run):
    status, said = run("raise ValueError('no file')")
    assert status == 1
    assert said.startswith("Traceback")


def test_a_reader_that_has_seen_enough_is_no_fault(tmp_path):
    """As `head` is; what it does not read is nobody's loss."""
    (tmp_path / "mine.py").write_text(
        "from mirage.runtime.errors import script\n@script\ndef main():\n"
        "    for _ in range(100000): print('a line')\nmain()\n"
    )
    process = subprocess.Popen(
        [sys.executable, tmp_path / "mine.py"],
        env={"PYTHONPATH": str(ROOT / "scripts")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "a line\n"
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait() == 1


def test_what_is_logged_is_a_plain_line(run):
    assert run("import logging; logging.info('epoch 1')") == (0, "epoch 1\n")


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.stem)
def test_every_script_tells_its_faults_so(file):
    (main,) = (
        node
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == "main"
    )
    assert [ast.unparse(one) for one in main.decorator_list] == ["script"]
    assert "except MirageError" not in file.read_text()


def test_every_error_of_the_library_is_one_of_them():
    found = [
        (file.name, node.name)
        for file in (ROOT / "scripts/mirage").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef)
        and node.name.endswith("Error")
        and node.name != MirageError.__name__
        and "MirageError" not in map(ast.unparse, node.bases)
    ]
    assert found == []
