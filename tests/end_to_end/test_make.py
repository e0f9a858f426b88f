"""`make` shows table and report after a run, and after nothing else that Snakemake can do."""

import os
import shutil
import subprocess
import sys

import pytest
from workflow import ROOT, environment

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="needs make")


def make(folder, target, options):
    """Call make in a copy that has the environment of the tests."""
    shutil.copy(ROOT / "Makefile", folder)
    if not (folder / ".venv").exists():
        (folder / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    return subprocess.run(
        ["make", "--old-file=.venv/runtime", target, f"ARGS={options}", "CORES=2"],
        cwd=folder,
        env=environment(),
        encoding="utf-8",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def assert_it_says_nothing_more(folder, result):
    """Neither a report nor a table, of this run or an old one."""
    assert result.returncode == 0, result.stdout
    assert "Report:" not in result.stdout
    assert "| run " not in result.stdout
    assert not list(folder.glob("**/report.html"))


@pytest.mark.parametrize("options", ["-nq", "--unlock"])
def test_without_a_run_there_is_no_table_and_no_report(run, options):
    shutil.rmtree(run / "results/digits/checkpoints")
    result = make(run, "quick", f"--configfile config/test.yaml {options}")
    assert_it_says_nothing_more(run, result)


@pytest.mark.thorough
@pytest.mark.parametrize("target", ["tour", "report"])
@pytest.mark.parametrize(
    "options",
    [
        *("-np", "-pn", "--dry-run", "--touch -q", "-tq", "--unlock", "--list", "--lint"),
        *("--summary", "--list-input-changes", "--dag", "--rulegraph", "--version", "--help"),
        *("--cleanup-metadata results/digits/configuration.yaml", "--delete-all-output -n"),
    ],
)
def test_no_other_mode_of_snakemake_shows_a_table_or_a_report(run, target, options):
    result = make(run, target, f"--configfile config/test.yaml {options}")
    assert_it_says_nothing_more(run, result)


@pytest.mark.thorough
def test_a_part_of_a_run_has_no_report(fresh):
    result = make(fresh, "quick", "--configfile config/test.yaml --until prepare")
    assert_it_says_nothing_more(fresh, result)
    assert (fresh / "results/digits/data").exists()


@pytest.mark.thorough
@pytest.mark.parametrize("target", ["reproduce", "report"])
def test_table_and_report_come_after_a_run_also_one_with_nothing_left_to_do(run, target):
    (run / "config.yaml").write_bytes((run / "config/test.yaml").read_bytes())
    result = make(run, target, "")
    assert result.returncode == 0, result.stdout
    lines = result.stdout.rstrip().splitlines()
    told = lines.index("Report: results/digits/report.html")
    ends = [] if target == "report" else ["Time", "Snakemake's log"]
    assert [line.split(": ")[0] for line in lines[told + 1 :]] == ends
    table = (run / "results/digits/tables/summary.md").read_text(encoding="utf-8")
    assert table in result.stdout
    assert (run / "results/digits/report.html").stat().st_size > 10_000


@pytest.mark.thorough
def test_the_report_lies_in_the_folder_of_the_run(fresh):
    options = "--config folder=mine -- results/mine/configuration.yaml"
    result = make(fresh, "quick", f"--configfile config/test.yaml {options}")
    assert result.returncode == 0, result.stdout
    assert "Report: results/mine/report.html" in result.stdout
    # The table is none of this run.
    assert "| run " not in result.stdout
    assert os.listdir(fresh / "results") == ["mine"]
