"""Every line of the design's table of what must rerun, run: what ran, what it wrote, and no more.

The changes are made one after another in one copy of a finished run. `pytest -s` prints the table.
"""

import os
import re
import shutil
from collections import Counter

import pytest
from test_handed_over import begin
from workflow import COLLECTIONS, LONG, read, snakemake, wait_until, write

ATTACK_TABLES = {"table attacks", "published", "claims"}
ALL_TABLES = ATTACK_TABLES | {"table measures", "table history"}
SMALL = {"sweep small 1 test bare noise float32", "measure small 1"} | ALL_TABLES
SHOWS_FLOAT32 = {"figure by-epsilon", "figure spectral-norms"}


def of_float32(*seeds):
    """What is made of the checkpoints of some seeds."""
    return {
        job
        for seed in seeds
        for job in (f"sweep float32 {seed} test bare fgsm float32", f"measure float32 {seed}")
    }


def edit_configuration(folder, change):
    config = read(folder, "config/test.yaml")
    change(config)
    write(folder, "config/test.yaml", config)


def append(path, text="\n# a comment\n"):
    with path.open("a") as stream:
        stream.write(text)


def add_an_epsilon(folder):
    edit_configuration(
        folder, lambda c: c["figures"]["by-epsilon"]["select"]["epsilons"].append("0.2")
    )
    sweeps = {f"sweep float32 {seed} test bare fgsm float32" for seed in (1, 2)}
    return sweeps | ATTACK_TABLES | {"figure by-epsilon", "configuration"}


def add_a_later_epoch(folder):
    edit_configuration(folder, lambda c: c["runs"]["float32"]["epochs"].append(5))
    links = {"train float32 1 5", "train float32 2 5"}
    return links | of_float32(1, 2) | SHOWS_FLOAT32 | ALL_TABLES | {"configuration"}


def add_a_seed(folder):
    edit_configuration(folder, lambda c: c["runs"]["float32"]["seeds"].append(3))
    links = {f"train float32 3 {epoch}" for epoch in (1, 4, 5)}
    return links | of_float32(3) | SHOWS_FLOAT32 | ALL_TABLES | {"configuration"}


def change_a_learning_rate(folder):
    edit_configuration(folder, lambda c: c["runs"]["small"].update(learning_rate=0.02))
    return {"train small 1 1", "configuration"} | SMALL


def change_a_colour(folder):
    colours = {"FGSM": "black"}
    edit_configuration(folder, lambda c: c["figures"]["by-epsilon"].update(colours=colours))
    return {"figure by-epsilon", "configuration"}


def edit_an_attack(folder):
    append(folder / "scripts/mirage/attacks/jsma.py")
    return {"minimal float64 1 test bare jsma float64", "cells rana-table1"} | ATTACK_TABLES


def edit_the_readme(folder):
    append(folder / "README.md", "Something else.\n")
    return set()


def touch_every_source(folder):
    for path in folder.rglob("*"):
        if path.is_file() and not {"results", ".snakemake"} & set(path.relative_to(folder).parts):
            os.utime(path)
    return set()


CHANGES = (
    add_an_epsilon,
    add_a_later_epoch,
    add_a_seed,
    change_a_learning_rate,
    change_a_colour,
    edit_an_attack,
    edit_the_readme,
    touch_every_source,
)


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


# For a first look tests/dag/test_reruns.py plans them all.
@pytest.mark.thorough
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_runs_what_depends_on_it_and_then_nothing_more(changed, change, capsys):
    expected, seen = run_and_compare(changed, change(changed))
    run_and_compare(changed, set())
    with capsys.disabled():
        told = change.__name__.replace("_", " ")
        print(f"\n{told:25} {expected:3} jobs expected, {seen:3} seen ", end="")


@pytest.mark.thorough
@pytest.mark.parametrize("moved", ["fresh clone", "other working folder"])
def test_results_that_are_brought_along_are_not_made_again(
    finished, fresh, tmp_path, moved, capsys
):
    if moved == "fresh clone":
        for name in ("results", ".snakemake"):
            shutil.copytree(finished / name, fresh / name)
        touch_every_source(fresh)
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
        edit_configuration(folder, lambda c: c["also"][1]["epsilons"].append("0.2"))
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
