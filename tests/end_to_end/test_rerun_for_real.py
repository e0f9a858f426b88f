"""Every line of the design's table of what must rerun, run: what ran, what it wrote, and no more.

The changes are made one after another in one copy of a finished run. `pytest -s` prints the table.
"""

import re
import shutil
from collections import Counter

import pytest
from changes import (
    ATTACK_TABLES,
    CHANGES,
    a_later_time_of_every_source_file_reruns_nothing,
    append,
    edited,
)
from test_handed_over import begin
from workflow import COLLECTIONS, LONG, snakemake, wait_until


def outputs(job):
    """The files that a job writes, in the folder of results."""
    rule, *values = job.split()
    if rule in ("sweep", "minimal", "attack"):
        run, seed, split, defence, attack, dtype, *epsilon = values
        name = f"eps{epsilon[0]}" if epsilon else rule
        return {f"attacks/{run}/seed{seed}/{split}/{defence}/{attack}/{dtype}/{name}.csv"}
    if rule == "train":
        return {"checkpoints/{}/seed{}/epoch{}".format(*values) + end for end in (".keras", ".csv")}
    if rule == "measure":
        return {"measures/{}/seed{}.csv".format(*values)}
    if rule == "figure":
        return {f"figures/{values[0]}{end}" for end in (".png", ".svg")}
    if rule in ("configuration", "provenance"):
        return {{"configuration": "configuration.yaml", "provenance": "provenance.json"}[rule]}
    kinds = (".csv", ".md", ".html") if rule == "claims" else (".csv", ".md")
    return {f"tables/{values[0] if values else rule}{kind}" for kind in kinds}


def files(folder):
    """The results and when they were written; logs, and what Snakemake keeps, are none."""
    results = folder / "results/digits"
    return {
        path.relative_to(results).as_posix(): path.stat().st_mtime_ns
        for path in results.rglob("*")
        if path.is_file() and path.relative_to(results).parts[0] not in ("logs", "perturbed")
    }


def counted(output):
    """The jobs of each rule, by Snakemake's own statistics; none where it had nothing to do."""
    if "Nothing to be done" in output:
        return Counter()
    table = re.search(r"^Job stats:\n.*\n-.*\n((?:\S+ +\d+\n)+)", output, re.M)
    rows = dict(line.split() for line in table[1].splitlines())
    total = int(rows.pop("total"))
    jobs = Counter({rule: int(number) for rule, number in rows.items() if rule not in COLLECTIONS})
    assert total == jobs.total() + sum(rule in COLLECTIONS for rule in rows)
    return jobs


def run_and_compare(folder, jobs, *options):
    """Run; hold the jobs, and the files they wrote, against those expected; give both numbers."""
    jobs = jobs | ({"provenance"} if jobs else set())
    expected = Counter(job.split()[0] for job in jobs)
    before = files(folder)
    done = snakemake(folder, "--configfile", "config/test.yaml", *options)
    assert done.returncode == 0, done.stdout
    after = files(folder)
    assert before.keys() <= after.keys()
    written = {name for name, when in after.items() if before.get(name) != when}
    assert written == {name for job in jobs for name in outputs(job)}
    seen = counted(done.stdout)
    assert seen == expected
    return expected.total(), seen.total()


@pytest.fixture(scope="module")
def changed(finished, tmp_path_factory):
    return shutil.copytree(finished, tmp_path_factory.mktemp("changed") / "mirage")


@pytest.mark.thorough
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_runs_what_depends_on_it_and_then_nothing_more(changed, change, capsys):
    expected, seen = run_and_compare(changed, change(changed))
    run_and_compare(changed, set())
    with capsys.disabled():
        told = change.__name__.replace("_", " ")
        print(f"\n{told:60} {expected:3} jobs expected, {seen:3} seen ", end="")


@pytest.mark.thorough
@pytest.mark.parametrize("moved", ["fresh clone", "other working folder"])
def test_results_that_are_brought_along_are_not_made_again(
    finished, fresh, tmp_path, moved, capsys
):
    if moved == "fresh clone":
        for name in ("results", ".snakemake"):
            shutil.copytree(finished / name, fresh / name)
        a_later_time_of_every_source_file_reruns_nothing(fresh)
        run_and_compare(fresh, set())
    else:
        elsewhere = shutil.copytree(finished, tmp_path / "some where" / "else")
        run_and_compare(elsewhere, set())
    with capsys.disabled():
        print(f"\n{moved:25}   0 jobs expected,   0 seen ", end="")


# --- Edits while it runs ------------------------------------------------------------------------

WAITS = """
import time as _time
from pathlib import Path as _Path
_Path("started").touch()
while not _Path("edited").exists():
    _time.sleep(0.05)
"""


@pytest.mark.thorough
def test_edits_made_while_it_runs_are_noticed_by_the_next_run(finished, tmp_path, capsys):
    """A job has read its code, and the run its configuration, when both are edited."""
    folder = shutil.copytree(finished, tmp_path / "run")
    code = folder / "scripts/mirage/attacks/jsma.py"
    append(code, WAITS)
    process = begin(folder)
    try:
        started = (folder / "started").exists
        wait_until(lambda: started() or process.poll() is not None, "the job is at work")
        assert process.poll() is None, (folder / "log.txt").read_text()
        # The job is at work with the code and the configuration of before.
        append(code)
        edited(folder, lambda c: c["also"][1]["epsilons"].append("0.2"))
        (folder / "edited").touch()
        assert process.wait(LONG) == 0, (folder / "log.txt").read_text()
    finally:
        process.kill()
        process.wait()
    own = {"minimal float64 1 test bare jsma float64", "cells rana-table1"}
    sweep = {"sweep float64 1 test bare fgsm float16", "summary", "configuration"}
    expected, seen = run_and_compare(folder, own | sweep | ATTACK_TABLES)
    run_and_compare(folder, set())
    with capsys.disabled():
        print(f"\n{'edits while it runs':25} {expected:3} jobs expected, {seen:3} seen ", end="")
