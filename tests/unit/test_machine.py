"""The version of the code that a run records: of this folder, with git and without."""

import shutil
import subprocess

import pytest

from mirage.runtime import machine


def git(folder, *arguments):
    if not shutil.which("git"):
        pytest.skip("needs git")
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True)


@pytest.fixture
def workflow(tmp_path):
    folder = tmp_path / "workflow"
    (folder / "scripts/mirage").mkdir(parents=True)
    (folder / "Snakefile").write_text("rule all:\n")
    (folder / "scripts/mirage/a.py").write_text("1\n")
    return folder


def test_the_version_is_the_commit_and_whether_anything_is_changed(workflow):
    git(workflow, "init", "-q")
    git(workflow, "add", "-A")
    git(workflow, "commit", "-qm", "a")
    found = machine.version(workflow)
    assert len(found["commit"]) == 40
    assert found["clean"] is True
    (workflow / "scripts/mirage/a.py").write_text("2\n")
    changed = machine.version(workflow)
    assert (changed["commit"], changed["clean"]) == (found["commit"], False)
    assert changed["sources"] != found["sources"]


def test_the_version_is_not_that_of_a_repository_around_it(workflow):
    git(workflow.parent, "init", "-q")
    git(workflow.parent, "add", "-A")
    git(workflow.parent, "commit", "-qm", "a")
    found = machine.version(workflow)
    assert (found["commit"], found["clean"]) == (None, None)


def test_without_git_the_sources_alone_are_the_version(workflow, monkeypatch):
    monkeypatch.setenv("PATH", "")
    first = machine.version(workflow)
    assert (first["commit"], first["clean"]) == (None, None)
    (workflow / "Snakefile").touch()
    (workflow / "README.md").write_text("text")
    assert machine.version(workflow) == first
    (workflow / "scripts/mirage/a.py").rename(workflow / "scripts/mirage/b.py")
    assert machine.version(workflow) != first
