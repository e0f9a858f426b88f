"""A run as a person sees it that `make` was called by: on a terminal, and where there is none.

The workflows here are small ones of their own that are shown as ours is.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from terminal import Terminal
from workflow import LONG, ROOT, environment, make_dry_run, processes, wait_until

FOLLOWED = f"""
import sys
sys.path.insert(0, {str(ROOT / "scripts")!r})
import follow

follow.follow(workflow)
"""
RULES = """
rule all:
    input: expand("second{number}.txt", number=range(3))

rule first:
    output: "first{number}.txt"
    log: "first{number}.log"
    shell: 'test -z "${{MIRAGE_SHOWN:-}}"; sleep 0.4; touch {output}'

# Writes to the terminal.
rule second:
    input: "first{number}.txt"
    output: "second{number}.txt"
    log: "second{number}.log"
    shell: "echo out of {wildcards.number}; echo error of {wildcards.number} >&2; touch {output}"
"""
BROKEN = RULES.replace("touch {output}", "echo words: no > {log}; exit 1", 1)
# One process all along: a shell whose command ends while Ctrl-C arrives goes on to the next.
INTERRUPTED = """
rule all:
    output: "done.txt"
    shell: ": > here; exec sleep 600"
"""
SNAKEMAKE = (Path(sys.executable).parent / "snakemake", "--cores", "2")
SCHEDULER = ("--scheduler", "greedy")


def shown():
    """The environment in which a run is shown."""
    return environment() | {"MIRAGE_SHOWN": "make quick", "MIRAGE_PRELOAD": "0"}


def write(folder, rules):
    (folder / "Snakefile").write_text(FOLLOWED + rules)


def terminal(folder, *options, columns=80, rows=24):
    return Terminal([*SNAKEMAKE, *SCHEDULER, *options], folder, shown(), columns, rows)


def piped(folder, *options, env=None):
    return subprocess.run(
        [*SNAKEMAKE, *SCHEDULER, *options],
        cwd=folder,
        env=env or shown(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def logged(told, folder):
    """The log that is named, which has all."""
    (name,) = re.findall(r"^Snakemake's log: (.*)$", told, re.M)
    return (folder / name).read_text()


def assert_it_is_whole(lines, columns):
    """One panel, each line of which is as long as the first."""
    (top,) = (n for n, line in enumerate(lines) if line.startswith("╭"))
    (bottom,) = (n for n, line in enumerate(lines) if line.startswith("╰"))
    width = min(columns, 100)
    assert {len(line) for line in lines[top : bottom + 1]} == {width}
    assert all(line.startswith("│") and line.endswith("│") for line in lines[top + 1 : bottom])
    return lines[top : bottom + 1]


@pytest.mark.parametrize(
    ("columns", "rows"),
    [(80, 24), *(pytest.param(*one, marks=pytest.mark.thorough) for one in [(120, 40), (72, 8)])],
)
def test_on_a_terminal_a_panel_shows_the_run(tmp_path, columns, rows):
    write(tmp_path, RULES)
    run = terminal(tmp_path, columns=columns, rows=rows)
    assert run.end() == 0
    lines = run.lines()
    panel = assert_it_is_whole(lines, columns)
    assert "make quick" in panel[0]
    for name, count in (("all", 6), ("first", 3), ("second", 3)):
        (row,) = (line for line in panel if line.startswith(f"│ {name} "))
        assert f"{count} of {count}" in row
    # What jobs wrote is above it, whole.
    above = lines[: lines.index(panel[0])]
    for number in range(3):
        assert f"out of {number}" in above
        assert f"error of {number}" in above
    below = "\n".join(lines[lines.index(panel[-1]) + 1 :])
    assert re.fullmatch(r"\s*Time: 0:\d\d\nSnakemake's log: \S+\s*", below)
    assert "rule first:" in logged(below, tmp_path)
    assert "rule first:" not in run.text
    assert not run.hidden


def test_in_a_pipe_there_are_a_few_lines(tmp_path):
    write(tmp_path, RULES)
    result = piped(tmp_path)
    assert result.returncode == 0, result.stdout
    own = [line for line in result.stdout.splitlines() if " of " not in line or "done" in line]
    text = re.sub(r"\d:\d\d", "TIME", "\n".join(own))
    assert text.splitlines()[:-1] == [
        "TIME  make quick: 6 jobs (first 3, second 3)",
        "TIME  first: 3 of 3 jobs done in TIME",
        "TIME  second: 3 of 3 jobs done in TIME",
        "Time: TIME",
    ]
    assert "\x1b" not in result.stdout
    assert "rule second:" in logged(result.stdout, tmp_path)
    again = piped(tmp_path)
    assert again.stdout.startswith("0:00  Nothing to be done")
    assert "Snakemake's log: " in again.stdout


@pytest.mark.thorough
@pytest.mark.parametrize("where", ["terminal", "pipe"])
def test_failures_are_shown_whole_and_what_to_call_next(tmp_path, where):
    write(tmp_path, BROKEN)
    if where == "terminal":
        run = terminal(tmp_path, "--keep-going")
        assert run.end() == 1
        told = "\n".join(run.lines())
        panel = assert_it_is_whole(run.lines(), 80)
        assert "failed" in panel[1]
        (row,) = (line for line in panel if line.startswith("│ first "))
        assert re.search(r"0 of 3 +3 ", row)
    else:
        result = piped(tmp_path, "--keep-going")
        assert result.returncode == 1
        told = result.stdout
    for number in range(3):
        assert f"failed: first (number={number})\n" in told
        said = f"first{number}.log:\n    words: no"
        assert f"\nFailed: first (number={number})\n  {said}\n" in told
    assert "0 of 6 jobs done, 3 failed\n" in told
    assert "Next: mend this and call `make quick` again: it goes on where it stopped." in told
    assert "Error in rule first" in logged(told, tmp_path)
    assert "Traceback" not in told
    assert "CalledProcessError" not in told


@pytest.mark.thorough
@pytest.mark.parametrize("times", [1, 3])
def test_ctrl_c_leaves_the_terminal_as_it_was(tmp_path, times):
    write(tmp_path, INTERRUPTED)
    run = terminal(tmp_path)
    run.read_until(lambda lines: any("0 of 1" in line for line in lines), "the job")
    wait_until((tmp_path / "here").exists, "there is something to interrupt")
    for _ in range(times):
        run.press("\x03")
    assert run.end() != 0
    told = "\n".join(run.lines())
    assert_it_is_whole(run.lines(), 80)
    assert "Interrupted after" in told
    assert "Next: call `make quick` again" in told
    assert "Traceback" not in told
    assert "failed" not in told.lower()
    assert not run.hidden
    wait_until(lambda: not processes(tmp_path), "no process is left")


@pytest.mark.thorough
def test_a_run_goes_on_when_its_terminal_is_gone(tmp_path):
    write(tmp_path, RULES.replace("sleep 0.4", "sleep 2"))
    ignoring = ("sh", "-c", "trap '' HUP; exec \"$@\"", "sh")
    run = Terminal([*ignoring, *SNAKEMAKE, *SCHEDULER], tmp_path, shown())
    run.read_until(lambda lines: any("0 of 6" in line for line in lines), "the panel")
    os.close(run.master)
    run.process.wait(LONG)
    assert len(list(tmp_path.glob("second*.txt"))) == 3


@pytest.mark.thorough
@pytest.mark.parametrize("options", [("missing.txt",), ("--unlock",)])
def test_where_nothing_runs_no_panel_is_left(tmp_path, options):
    write(tmp_path, RULES)
    run = terminal(tmp_path, *options)
    run.end()
    told = "\n".join(run.lines())
    assert "╭" not in told
    assert "│" not in told
    assert "MissingRuleException" in told or "Unlocked working directory." in told


@pytest.mark.thorough
@pytest.mark.parametrize("options", [("--verbose",), ("-p",), ("--quiet", "host")])
def test_options_on_what_is_shown_give_snakemake_s_own(tmp_path, options):
    write(tmp_path, RULES)
    assert "rule first:" in piped(tmp_path, *options).stdout


@pytest.mark.thorough
def test_who_calls_snakemake_sees_its_own(tmp_path):
    write(tmp_path, RULES)
    result = piped(tmp_path, env=environment() | {"MIRAGE_PRELOAD": "0"})
    assert "rule first:" in result.stdout
    assert "Snakemake's log: " not in result.stdout


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_asks_for_it_but_with_v():
    quick = ("--old-file=.venv/runtime", "quick")
    assert 'MIRAGE_SHOWN="make quick" ' in make_dry_run(ROOT, *quick)
    assert "MIRAGE_SHOWN" not in make_dry_run(ROOT, *quick, "V=1")
