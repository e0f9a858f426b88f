"""Every example of CONTRIBUTING.md is put into a copy, which then has one more of everything."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from architectures import mlp
from workflow import ROOT, environment, plan, snakemake, write

from mirage.auditing import indicators

GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
EPSILONS = ["0", "0.1", "0.8"]


@pytest.fixture
def contributed(fresh):
    """A copy with all examples in it, and a configuration, mine.yaml, that uses them."""
    shutil.copy2(ROOT / "pyproject.toml", fresh)
    files = re.findall(r"`([\w/]+\.\w+)`:\n\n```\w+\n(.*?)^```", GUIDE, re.M | re.S)
    assert len(files) == 4
    for name, content in files:
        assert not (fresh / name).exists()
        (fresh / name).parent.mkdir(exist_ok=True)
        (fresh / name).write_text(content)
    changes = "".join(re.findall(r"^```diff\n(.*?)^```", GUIDE, re.M | re.S))
    for name, change in re.findall(r"^@@ (.*) @@\n((?:[ +-].*\n|\n)*)", changes, re.M):
        replace(fresh / name, change.splitlines(keepends=True))
    used = {"dataset": "digits", "folder": "mine", "studies": ["first"]}
    for text in re.findall(r"[Ww]ith\s`(\w+: \{.*?\})`", GUIDE):
        used |= yaml.safe_load(text)
    assert set(used) > {"runs", "attacks", "defences"}
    (run,), (attack,), (defence,) = used["runs"], used["attacks"], used["defences"]
    measured = {"run": run, "attack": attack, "epsilons": EPSILONS}
    write(fresh, "mine.yaml", used | {"also": [measured, {**measured, "defence": defence}]})
    return fresh


def replace(path: Path, lines: list[str]) -> None:
    """Put what a change adds in the place of what it removes, whose lines stand there once."""
    before = "".join(line[1:] for line in lines if line[0] in " -")
    after = "".join(line[1:] for line in lines if line[0] in " +")
    text = path.read_text()
    assert text.count(before) == 1, f"{path}: {before}"
    path.write_text(text.replace(before, after))


def test_the_examples_are_taken_and_planned(contributed):
    jobs = plan(contributed, "--configfile", "mine.yaml")
    assert {"train first 1 1", "train first 1 2", "train funnel 1 1"} <= set(jobs)
    assert {f"sweep funnel 1 test {one} uniform float32" for one in ("bare", "box")} <= set(jobs)
    assert "figure first/accuracy" in jobs
    for check in (("check",), ("format", "--check")):
        ruff = [Path(sys.executable).with_name("ruff"), *check, "scripts"]
        done = subprocess.run(ruff, cwd=contributed, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


@pytest.mark.thorough
def test_the_examples_run(contributed):
    result = snakemake(contributed, "--configfile", "mine.yaml")
    assert result.returncode == 0, result.stdout
    assert (contributed / "results/mine/figures/first/accuracy.png").exists()
    table = pd.read_csv(contributed / "results/mine/tables/attacks.csv", dtype={"epsilon": str})
    bare, box = (
        table[(table["attack"] == "uniform") & (table["defence"] == one)].set_index("epsilon")
        for one in ("bare", "box")
    )
    assert list(bare.index) == list(box.index) == EPSILONS
    assert bare.loc["0.1", "rho_linf"] > 0.09
    assert bare.loc["0.8", "accuracy"] < bare.loc["0", "accuracy"]
    assert (box["accuracy"] != bare["accuracy"]).any()
    assert pd.isna(bare.loc["0.1", "gradient"])  # it follows none


def test_the_data_set_is_taken_from_a_folder_and_verified(contributed, monkeypatch):
    raw = contributed / "raw"
    raw.mkdir()
    for name, count in (("train", 40), ("t10k", 20)):
        size = count.to_bytes(4, "big")
        pixels = bytes([0, 0, 8, 3]) + size + bytes([0, 0, 0, 28] * 2) + bytes(count * 28 * 28)
        (raw / f"{name}-images-idx3-ubyte").write_bytes(pixels)
        labels = bytes([0, 0, 8, 1]) + size + bytes(number % 10 for number in range(count))
        (raw / f"{name}-labels-idx1-ubyte").write_bytes(labels)
    monkeypatch.setenv("MNIST_DIR", str(raw))
    run = {"network": mlp(8), "epochs": [1], "batch_size": 10, "seeds": [1]}
    write(contributed, "letters.yaml", {"dataset": "letters", "runs": {"small": run}})
    options = ("checkpoints", "--until", "prepare", "--configfile", "letters.yaml")
    result = snakemake(contributed, *options)
    assert result.returncode == 0, result.stdout
    prepared = {path.stem for path in contributed.glob("results/letters/**/*.npz")}
    assert len(prepared) == 3
    # Another sum is another file, which this is not.
    register = contributed / "scripts/mirage/data/register.yaml"
    register.write_text(register.read_text().replace("8e4f6aef", "8e4f6aee"))
    result = snakemake(contributed, *options)
    assert result.returncode != 0
    assert "not the published train-labels-idx1-ubyte" in result.stdout


@pytest.mark.thorough
def test_the_indicator_is_measured(contributed):
    code = """
import mirage
network = mirage.build({"name": "funnel", "units": 8})
images, labels = mirage.digits()[1]
audit = mirage.audit(network, images[:20], labels[:20], range=(0, 1), quick=True)
found = {one.name: one.sentence for one in audit.findings.indicators}
print(len(found), found["certainty"])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment() | {"PYTHONPATH": str(contributed / "scripts")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    count = len(indicators.QUICK) + 1
    assert done.stdout == f"{count} The model is certain of 0% of its answers.\n"
