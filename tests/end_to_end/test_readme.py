"""What README.md and docs/ show works as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import controls
import numpy as np
import pandas as pd
import pytest
import yaml
from workflow import ROOT, environment, plan, rules, snakemake

from mirage.auditing.verdict import EXIT_CODES
from mirage.reporting.verdicts import REPRODUCED, UNDECIDED


def own_study(folder):
    """The study of the README, put into a folder, and the options that the README runs it with."""
    section = (ROOT / "README.md").read_text().partition("\n## Your own study\n")[2]
    text = re.search(r"^```yaml\n(.*?)^```", section, re.M | re.S)[1]
    command = re.search(r"^\.venv/bin/snakemake --cores 2 (.*)$", section, re.M)[1]
    (folder / "mine.yaml").write_text(text)
    return text, command.split()


def test_the_study_of_the_readme_is_short_and_plans_only_its_own(fresh):
    text, options = own_study(fresh)
    assert text.count("\n") <= 20
    jobs = rules(plan(fresh, *options))
    (run,) = yaml.safe_load(text)["runs"].values()
    assert jobs["train"] == len(run["seeds"]) * len(run["epochs"])
    assert jobs["figure"] == jobs["claims"] == 1
    assert not {"download", "summary", "cells"} & set(jobs)


@pytest.mark.thorough
def test_the_study_of_the_readme_gives_a_figure_and_a_verdict(fresh):
    text, options = own_study(fresh)
    result = snakemake(fresh, *options)
    assert result.returncode == 0, result.stdout
    study = yaml.safe_load(text)
    results = fresh / "results" / study["folder"]
    figures = {path.name for path in (results / "figures").rglob("*") if path.is_file()}
    assert figures == {f"{name}.{ending}" for name in study["figures"] for ending in ("png", "svg")}
    assert {path.name for path in (results / "checkpoints").iterdir()} == set(study["runs"])
    assert [path.name for path in results.parent.iterdir() if path.name != "reference"] == ["mine"]
    (claim,) = pd.read_csv(results / "tables/claims.csv").to_dict("records")
    assert claim["id"] == study["claims"][0]["id"]
    # Two seeds may decide nothing.
    assert claim["verdict"] in (REPRODUCED, UNDECIDED)


def ten_lines():
    """The code of the README's section on Python, and what it says that it prints."""
    text = (ROOT / "README.md").read_text()
    pattern = r"^```python\n(import mirage\n.*?)^```.*?^```\n(.*?)^```"
    return re.search(pattern, text, re.M | re.S).groups()


def test_the_ten_lines_of_the_readme_show_masking(capsys):
    code, shown = ten_lines()
    assert sum(bool(line.strip()) for line in code.splitlines()) == 10
    exec(code, {})
    printed = capsys.readouterr().out
    number = r"\d\.\d\d"
    assert re.sub(number, "#", printed) == re.sub(number, "#", shown)
    # The last digits depend on the machine, what they show does not.
    for text in (shown, printed):
        clean, plain, exact, zeros, wrong = map(float, re.findall(number, text))
        assert clean > 0.9
        assert plain > exact + 0.05
        assert zeros < 0.05 < wrong


@pytest.mark.thorough
def test_the_ten_lines_of_the_readme_run_by_themselves(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", ten_lines()[0]],
        cwd=tmp_path,
        env=environment() | {"PYTHONPATH": str(ROOT / "scripts")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("accuracy 0.")


# --- Your own model ------------------------------------------------------------------------------


@pytest.fixture
def own_model(tmp_path, monkeypatch, overfitted, digits):
    """The section, and its files in this folder: of a model that is masked for certain."""
    monkeypatch.chdir(tmp_path)
    controls.times_1000(overfitted).save("model.keras")
    flat = digits[1][0][:40].reshape(40, -1) / np.float32(255)
    np.savez("test.npz", images=flat, labels=digits[1][1][:40])
    return (ROOT / "README.md").read_text().partition("\n## Your own model\n")[2]


def test_the_audit_in_python_gives_the_verdict(own_model, capsys):
    code = re.search(r"^```python\n(.*?)^```", own_model, re.M | re.S)[1]
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 10
    exec(code, {})
    verdict, sentence = capsys.readouterr().out.splitlines()
    assert verdict == "masked by arithmetic"
    assert "is arithmetic." in sentence
    assert Path("audit/audit.json").exists()
    assert f"*{verdict}*" in own_model.partition("\n## ")[0]


def test_the_readme_names_every_verdict():
    text = " ".join((ROOT / "README.md").read_text().split())
    assert not [one for one in EXIT_CODES if f"*{one}*" not in text]


@pytest.mark.thorough
def test_the_step_of_a_ci_fails_where_the_gradient_is_masked(own_model, tmp_path):
    (step,) = yaml.safe_load(re.search(r"^```yaml\n(.*?)^```", own_model, re.M | re.S)[1])
    program = tmp_path / "bin/mirage"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT}/scripts/mirage "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    # As GitHub runs a step.
    done = subprocess.run(
        ["bash", "-e", "-c", step["run"]],
        env=environment() | {"PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 3, done.stderr
    assert done.stdout.startswith("MASKED BY ARITHMETIC\n")
    assert done.stderr == ""
    assert Path("audit/images.csv").exists()
