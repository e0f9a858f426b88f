"""The files for GitHub: CI runs what runs anywhere, and the issue forms are ones that it takes."""

import os
import re
from pathlib import Path

import pytest
from workflow import ROOT

from mirage.cli import command
from mirage.study import documents

FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))


def test_ci_calls_the_script_that_runs_anywhere():
    # Read strictly: a plain `on` is a key true to YAML.
    workflow = documents.read(ROOT / ".github/workflows/ci.yaml")
    assert set(workflow["on"]) == {"push", "pull_request"}
    (job,) = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert os.access(ROOT / ".ci/run", os.X_OK)
    (python,) = [step["with"] for step in job["steps"] if "setup-python" in step.get("uses", "")]
    assert "Python from 3.11 to 3.13" in (ROOT / "README.md").read_text()
    assert python["python-version"] in ("3.11", "3.12", "3.13")


@pytest.mark.parametrize("file", FORMS, ids=lambda file: file.stem)
def test_an_issue_form_is_one(file):
    """As docs.github.com has it, "Syntax for issue forms"."""
    form = documents.read(file)
    assert set(form) == {"name", "description", "body"}
    ids = [item["id"] for item in form["body"]]
    labels = [item["attributes"]["label"] for item in form["body"]]
    assert len(set(ids)) == len(ids)
    assert len(set(labels)) == len(labels)
    for item in form["body"]:
        assert item["type"] in ("textarea", "input", "dropdown", "checkboxes")
        allowed = {
            "textarea": {"label", "description", "render"},
            "input": {"label", "description"},
            "dropdown": {"label", "description", "options"},
            "checkboxes": {"label", "description", "options"},
        }[item["type"]]
        assert {"label"} <= set(item["attributes"]) <= allowed
        assert item.get("validations", {"required": True}) == {"required": True}
    assert any("validations" in item for item in form["body"])


def test_what_the_forms_name_is_there():
    text = " ".join(file.read_text() for file in FORMS)
    verbs = set(re.findall(r"`mirage (\w+)", text))
    assert verbs == {"origin"}
    assert all(f'"{verb}"' in Path(command.__file__).read_text() for verb in verbs)
    assert (ROOT / "CONTRIBUTING.md").exists()
    assert (ROOT / "results/reference").is_dir()
