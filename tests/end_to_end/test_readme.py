"""What README.md and docs/ show works as it stands there."""

import re
import subprocess
import sys

import pandas as pd
import pytest
import yaml
from workflow import ROOT, environment, plan, read, rules, snakemake, write

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


@pytest.mark.thorough
def test_the_attack_of_the_guide_is_two_files(fresh):
    guide = (ROOT / "docs/development.md").read_text().partition("\n## Add an attack\n")[2]
    code, parameters = re.findall(r"^```python\n(.*?)^```", guide, re.M | re.S)[:2]
    assert sum(bool(line.strip()) for line in code.splitlines()) <= 10
    (fresh / "scripts/mirage/attacks/uniform.py").write_text(code)
    (fresh / "scripts/mirage/attacks/parameters/uniform.py").write_text(parameters)

    config = read(fresh, "config/test.yaml")
    run = next(iter(config["runs"]))
    config["runs"] = {run: {**config["runs"][run], "seeds": [1], "epochs": [1]}}
    config["attacks"] = {"uniform": {"method": "uniform"}}
    epsilons = ["0", "0.1", "0.8"]
    config["also"] = [{"run": run, "attack": "uniform", "epsilons": epsilons}]
    for key in ("figures", "tables", "claims", "summary"):
        del config[key]
    write(fresh, "config/test.yaml", config)
    result = snakemake(fresh, "evaluations", "--configfile", "config/test.yaml")
    assert result.returncode == 0, result.stdout
    (file,) = fresh.glob("results/*/attacks/**/sweep.csv")
    rows = pd.read_csv(file, dtype={"epsilon": str}).set_index("epsilon")
    assert list(rows.index) == epsilons
    assert rows.loc["0", "accuracy"] == rows.loc["0", "clean_accuracy"]
    assert rows.loc["0.1", "rho_linf"] > 0.09
    assert rows.loc["0.8", "accuracy"] < rows.loc["0", "accuracy"]
    assert pd.isna(rows.loc["0.1", "gradient"])  # it follows none


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
