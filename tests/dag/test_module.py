"""Another workflow uses this one as a module: the same jobs under its own names."""

import os
import re

import pytest
import yaml
from architectures import mlp
from workflow import ROOT, copy_sources, dry_run, plan, read, snakemake

# A folder that a shell, or Snakemake, would take for something else.
OUTER = "an outer {one}"
OWN = """
configfile: "config.yaml"

rule all:
    input: "own.txt"

rule train:
    output: "own.txt"
    shell: "touch {output}"
"""


def example():
    """The lines of docs/configuration.md."""
    text = (ROOT / "docs/configuration.md").read_text()
    (lines,) = re.findall(r"^```python\n(module .*?)^```", text, re.M | re.S)
    return lines


def outer(folder, snakefile, config):
    """A workflow around mirage, whose configuration is under a key."""
    folder.mkdir(exist_ok=True)
    (folder / "Snakefile").write_text(snakefile)
    (folder / "config.yaml").write_text(yaml.safe_dump({"mirage": config, "samples": [1]}))
    return folder


def test_the_example_of_the_docs_plans_the_same_jobs(pristine, whole):
    config = read(pristine, "config/test.yaml")
    text = 'configfile: "config.yaml"\n' + example()
    folder = outer(pristine.parent / OUTER, text, config)
    assert plan(folder) == {f"mirage_{job}": times for job, times in whole.items()}


def test_rules_of_the_workflow_folder_are_changed_by_with(pristine):
    text = 'configfile: "config.yaml"\n' + example().replace("Snakefile", "workflow/Snakefile")
    changed = """
use rule train from mirage as mirage_train with:
    threads: 2
    resources:
        mem_mb=1234,
"""
    folder = outer(pristine.parent / OUTER, text + changed, read(pristine, "config/test.yaml"))
    result = dry_run(folder)
    assert result.returncode == 0, result.stdout
    trained = re.findall(r"^rule mirage_train:\n((?: {4}.*\n)*)", result.stdout, re.M)
    assert len(trained) == plan(pristine, "--configfile", "config/test.yaml").total() - len(
        re.findall(r"^(?:local)?rule (?!mirage_train:)", result.stdout, re.M)
    )
    assert all("threads: 2\n" in job and "mem_mb=1234" in job for job in trained)


@pytest.mark.thorough
def test_two_modules_with_prefixes_changed_rules_and_rules_of_the_same_names(tmp_path, pristine):
    """Within the other workflow's folder, which is not the working folder."""
    modules = """
module a:
    snakefile: "inner/Snakefile"
    config: config["mirage"]
    prefix: "of a"

use rule * from a exclude claims, provenance as a_*

use rule train from a as a_train with:
    threads: 2

module b:
    snakefile: "inner/Snakefile"
    config: config["mirage"]
    prefix: "b"

use rule * from b as b_*

module c:
    snakefile: "inner/workflow/Snakefile"
    config: config["mirage"]
    prefix: "c"

use rule attack from c as single with:
    threads: 2
"""
    config = read(pristine, "config/test.yaml")
    folder = outer(tmp_path / "outer", OWN + modules, config)
    copy_sources(folder / "inner")
    # Its own first rule is what is made by default.
    assert plan(folder) == {"all": 1, "train": 1}
    direct = plan(pristine, "--configfile", "config/test.yaml")
    assert plan(folder, "b_all") == {f"b_{job}": times for job, times in direct.items()}
    figures = plan(pristine, "figures", "--configfile", "config/test.yaml")
    elsewhere = ("--directory", str(folder / "inner"))
    config_file = ("--configfile", str(folder / "config.yaml"))
    result = snakemake(folder, "-n", "a_figures", *elsewhere, *config_file)
    assert result.returncode == 0, result.stdout
    rules = re.findall(r"^(?:local)?rule (\w+):", result.stdout, re.M)
    assert len(rules) == sum(figures.values())
    assert {rule.removeprefix("a_") for rule in rules} == {job.split()[0] for job in figures}
    outputs = re.findall(r"^    output: (.*)$", result.stdout, re.M)
    assert outputs
    assert all(one.startswith("of a/results/") for line in outputs for one in line.split(", "))
    assert re.search(r"rule a_train:\n(?:    .*\n)*    threads: 2\n", result.stdout)


@pytest.mark.thorough
def test_a_configuration_without_this_workflow_s_keys_is_refused_in_words(tmp_path):
    copy_sources(tmp_path / "mirage")
    text = 'configfile: "config.yaml"\n' + example().replace('config["mirage"]', "config")
    result = snakemake(outer(tmp_path / "outer", text, {}), "-n")
    assert result.returncode != 0
    assert "Traceback" not in result.stdout
    assert "'samples'" in result.stdout
    assert "allowed are title, studies" in result.stdout


@pytest.mark.thorough
def test_a_run_as_a_module_makes_the_same_and_a_touch_nothing(tmp_path):
    copy_sources(tmp_path / "mirage")
    config = read(tmp_path / "mirage", "config/test.yaml")
    run = {**config["runs"]["small"], "network": mlp(8)}
    attack = {"attack": "fgsm", "dtype": "float32"}
    shown = {"title": "", "caption": "", "category": "a"}
    config |= {
        "runs": {"small": run},
        "defences": {},
        "attacks": {"fgsm": config["attacks"]["fgsm"]},
        "also": [],
        "claims": [],
        "audits": {},
        "figures": {"losses": {**shown, "plot": "lines", "y": "loss", "select": {"run": "small"}}},
        "tables": {},
        "summary": {
            **{"runs": ["small"], "epsilon": "0.1"},
            "columns": [{"label": "FGSM", **attack}],
        },
    }
    text = 'configfile: "config.yaml"\n' + example().replace(
        "config[", 'prefix: "robust"\n    config: config['
    ).replace("    config: prefix", "    prefix")
    folder = outer(tmp_path / OUTER, text, config)
    with (tmp_path / "mirage/scripts/mirage/runtime/device.py").open("a") as stream:
        stream.write('\nprint(open(f"/proc/{os.getppid()}/cmdline").read())\n')
    result = snakemake(folder, own_server=True)
    assert result.returncode == 0, result.stdout
    # Its server ran the jobs, though Snakemake runs no hooks of a module.
    log = folder / "robust/results/digits/logs/train/small/seed1/epoch1.log"
    assert "serve.py" in log.read_text()
    results = folder / "robust/results/digits"
    assert (results / "tables/attacks.csv").read_text().count("\n") == 2
    provenance = (results / "provenance.json").read_text()
    assert str(tmp_path) not in provenance
    assert '"scripts/train.py"' in provenance
    report = snakemake(folder, "--report", "report.html")
    assert report.returncode == 0, report.stdout
    # Its first page is that of the other workflow.
    assert "Is this classifier robust" not in (folder / "report.html").read_text()
    for path in (tmp_path / "mirage").rglob("*"):
        os.utime(path)
    assert not plan(folder)
