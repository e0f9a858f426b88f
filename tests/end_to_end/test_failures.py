"""What a run tells at its end of the jobs that failed, and how it ends on Ctrl-C.

The workflows here are small ones of their own that are followed as ours is.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from workflow import LONG, ROOT, environment, processes, snakemake, wait_until

FOLLOWED = f"""
import sys
sys.path.insert(0, {str(ROOT / "scripts")!r})
import follow

follow.follow(workflow)
# As a second module of one workflow does.
follow.follow(workflow)
"""
RULES = """
JOBS = ["words", "traceback", "keras", "killed", "itself", "empty", "latin", "unlogged", "stale"]

rule all:
    input: expand("{job}.txt", job=JOBS), "missing.txt", "mended.txt"

rule job:
    output: "{job}.txt"
    log: "{job}.log"
    wildcard_constraints: job="words|traceback|keras|killed|itself|empty|latin"
    params: long="x" * 70000
    shell: "python scripts/train.py {wildcards.job} {params.long} 2>&1 | tee {log} > /dev/null"

rule unlogged:
    output: "unlogged.txt"
    shell: "exit 3"

# Its log is of an earlier run.
rule stale:
    output: "stale.txt"
    log: "stale.log"
    shell: "exit 1 # {log}"

rule missing:
    output: "missing.txt"
    shell: "true"

# Works at the second attempt.
rule mended:
    output: "mended.txt"
    log: "mended.log"
    resources: attempt=lambda wildcards, attempt: attempt
    shell: "echo mended {resources.attempt} > {log}; test {resources.attempt} = 2; touch {output}"
"""
SCRIPT = r"""
import os, signal, sys

if sys.argv[1] == "empty":
    os._exit(1)
print("epoch 1  loss 0.5", flush=True)
match sys.argv[1]:
    case "words":
        print("train: a line of a progress that begins alike\n", flush=True)
        sys.exit("train: 4 files cannot be used:\n  a\n  b\n\n  c\nWays on:\n  d")
    case "traceback":
        raise ValueError("first\n  second\nthird")
    case "keras":
        try:
            raise KeyError("before")
        except KeyError:
            raise TypeError("not a layer\n\nArguments received:\n  • x=1\nkwargs=<class 'empty'>")
    case "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    case "itself":
        print("epoch 2\n\nterminate called\n  what(): no", flush=True)
        os._exit(7)
    case "latin":
        sys.stdout.buffer.write("train: größer \x1b[2J".encode("latin-1"))
        sys.stdout.flush()
        os._exit(1)
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The end of a run in which jobs fail in all ways, under the options of `make`."""
    folder = tmp_path_factory.mktemp("failures")
    (folder / "scripts").mkdir()
    (folder / "scripts/train.py").write_text(SCRIPT)
    (folder / "stale.log").write_text("train: of an earlier run\n")
    (folder / "Snakefile").write_text(FOLLOWED + RULES)
    result = snakemake(
        folder,
        "--keep-going",
        "--retries",
        "1",
        "--quiet",
        "rules",
        "host",
        "--scheduler",
        "greedy",
    )
    assert result.returncode == 1, result.stdout
    return result.stdout


def paragraph(told, which):
    """What is told of one job, at the end of all."""
    (found,) = re.findall(rf"^Failed( in 2 attempts)?: {which}\n((?:  .*\n|\n(?=  ))*)", told, re.M)
    assert found[0]
    return found[1]


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (
            "words",
            "  words.log:\n    train: 4 files cannot be used:\n      a\n      b\n\n      c\n"
            "    Ways on:\n      d\n",
        ),
        ("traceback", "  traceback.log:\n    ValueError: first\n      second\n    third\n"),
        (
            "keras",
            "  keras.log:\n    TypeError: not a layer\n\n    Arguments received:\n      • x=1\n"
            "    kwargs=<class 'empty'>\n",
        ),
        (
            "killed",
            "  ended by signal 9 (Killed; was memory short?)\n  killed.log:\n"
            "    epoch 1  loss 0.5\n",
        ),
        ("itself", "  itself.log:\n    terminate called\n      what(): no\n"),
        ("empty", "  empty.log is empty\n"),
        (
            "latin",
            "  latin.log:\n    train: gr\ufffd\ufffder  [2J\n",
        ),
    ],
)
def test_of_a_failed_job_the_whole_last_message_is_told(told, job, expected):
    assert paragraph(told, rf"job \(job={job}\)") == expected


def test_a_job_without_a_log_and_one_that_wrote_nothing_are_told(told):
    assert "no log" in paragraph(told, "unlogged")
    assert paragraph(told, "stale") == "  nothing was written to its log, stale.log\n"


def test_a_job_that_worked_at_the_second_attempt_has_not_failed(told):
    assert "Finished" in told
    assert "Failed: mended" not in told
    assert len(re.findall("^Failed", told, re.M)) == 10
    assert len(re.findall("^Failed in 2 attempts: ", told, re.M)) == 9


def test_at_the_end_it_is_told_what_to_call_next(told):
    last = told.rstrip().splitlines()[-1]
    assert last == "Next: mend this and call the same again: it goes on where it stopped."


def test_a_job_that_did_not_write_its_output_is_told(told):
    assert "Failed: missing\n  what was wrong stands above\n" in told
    assert "output files are missing" in told


# --- Ctrl-C ---------------------------------------------------------------------------------------

INTERRUPTED = """
import pathlib, time

if config.get("where") == "plan":
    pathlib.Path("here").touch()
    time.sleep(600)

rule all:
    input: "done.txt"

rule job:
    output: "done.txt"
    params: where=config.get("where")
    shell: "python job.py {params.where} > job.log 2>&1"
"""
JOB = """
import pathlib, signal, sys

sys.path.insert(0, SCRIPTS)
import preloaded

pathlib.Path("here").touch()
if sys.argv[1] == "import":
    # The server begins to import now, and this waits for it.
    preloaded.hand_over()
signal.pause()
""".replace("SCRIPTS", repr(str(ROOT / "scripts")))


@pytest.mark.parametrize(
    ("where", "times"),
    [
        ("import", 2),
        pytest.param("plan", 1, marks=pytest.mark.thorough),
        pytest.param("job", 1, marks=pytest.mark.thorough),
        pytest.param("job", 3, marks=pytest.mark.thorough),
    ],
)
def test_ctrl_c_ends_a_run_quietly_however_often(tmp_path, where, times):
    (tmp_path / "Snakefile").write_text(FOLLOWED + INTERRUPTED)
    (tmp_path / "job.py").write_text(JOB)
    with (tmp_path / "log.txt").open("w") as log:
        process = subprocess.Popen(
            [
                *(Path(sys.executable).parent / "snakemake", "--cores", "2", "--retries", "1"),
                *("--config", f"where={where}"),
            ],
            cwd=tmp_path,
            env={**environment(), "MIRAGE_PRELOAD": "1", "TMPDIR": str(tmp_path)},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # Where the tests run in the background of a shell, it has them ignore interrupts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    wait_until((tmp_path / "here").exists, "there is something to interrupt")
    for _ in range(times):
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        time.sleep(0.2)
    assert process.wait(LONG) != 0
    said = (tmp_path / "log.txt").read_text()
    assert "Traceback" not in said
    assert "KeyboardInterrupt" not in said
    assert "Failed" not in said
    wait_until(lambda: not processes(tmp_path), "no process is left")
    assert not list(tmp_path.glob("mirage-*"))
