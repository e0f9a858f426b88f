"""A copy of the workflow to change and break, and what runs, or would run, in it."""

import atexit
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import yaml

import isolation
import preloaded
import serve
from mirage.runtime import device  # noqa: F401, sets variables that jobs then see
from mirage.study import config, study

ROOT = Path(__file__).parents[2]
SOURCES = (
    "Snakefile",
    "Singularity.def",
    "config.yaml",
    *("config", "envs", "profiles", "report", "rules", "scripts"),
    *("studies", "workflow"),
)
# Targets that stand for others and run nothing.
COLLECTIONS = {"all", "checkpoints", "evaluations", "tables", "figures"}
LONG = 600  # seconds after which something that was waited for has failed
# Tests compute with the settings that jobs have, whatever a user's are.
isolation.isolate(os.environ)
BEFORE = dict(os.environ)  # as it is before a test changes it


def copy_sources(folder: Path) -> None:
    """Copy what a user has before the first run, without results."""
    folder.mkdir(parents=True)
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        elif (ROOT / name).exists():
            shutil.copy2(ROOT / name, folder / name)


def environment() -> dict[str, str]:
    """That of this process, without what pytest, and make where it runs the tests, put there.

    A relative folder of MNIST is made absolute, since Snakemake runs in another one.
    """
    own = ("PYTEST_CURRENT_TEST", "ARGS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    found = {k: v for k, v in os.environ.items() if k not in own}
    folder = found.get("MNIST_DIR")
    return found | ({"MNIST_DIR": os.path.abspath(folder)} if folder else {})


def make_dry_run(folder: Path, *arguments: str) -> str:
    """The commands that make would run in a folder, whatever make is told that runs the tests."""
    command = ["make", "--silent", "--no-print-directory", "--dry-run", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment(), text=True, capture_output=True, check=True
    )
    return done.stdout


def job_environment() -> dict[str, str]:
    """That of the jobs of a Snakemake that this process starts."""
    own = environment()
    isolation.isolate(own)
    # A job's `python` is the one of the tests.
    path = dict.fromkeys([str(Path(sys.executable).parent), *os.get_exec_path(own)])
    return own | serve.ONE_THREAD | {"PATH": os.pathsep.join(path)}


@functools.cache
def server() -> str:
    """The address of a server (scripts/serve.py) that all small runs of the tests share.

    Each of its own would take longer to begin than many of them take, and compile all anew. It is
    of no use to a run of a test that has changed the environment.
    """
    before = dict(os.environ)
    try:
        os.environ.clear()
        os.environ.update(BEFORE)
        of_jobs = job_environment()
        os.environ.clear()
        os.environ.update(of_jobs)
        shared = serve.Server()
        shared.start()
        atexit.register(shared.stop)
        return os.environ.get(preloaded.ADDRESS, "")
    finally:
        os.environ.clear()
        os.environ.update(before)


def snakemake(
    folder: Path, *arguments: str, own_server: bool = False
) -> subprocess.CompletedProcess:
    """Run the Snakemake of this environment in a folder.

    Its jobs share the server of other such runs, but for those in a container, and where the run
    is to have its own, as a user's has.
    """
    alone = own_server or "--sdm" in arguments
    return subprocess.run(
        [Path(sys.executable).parent / "snakemake", "--cores", "2", "--nocolor", *arguments],
        cwd=folder,
        env=environment() | ({} if alone else {preloaded.ADDRESS: server()}),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )


def processes(folder: Path) -> dict[int, str]:
    """What runs in a folder, with its command: Snakemake, its jobs, the server they come from."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder:
                found[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
        except OSError:  # it has ended, or is another user's
            pass
    return found


def wait_until(condition, what: str) -> None:
    """Wait for something that other processes do."""
    last = time.monotonic() + LONG
    while not condition():
        if time.monotonic() > last:
            raise AssertionError(f"waited {LONG} s in vain until {what}")
        time.sleep(0.02)


@functools.cache
def planner() -> subprocess.Popen:
    """The process that all dry runs of the tests are forked from."""
    process = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("planner.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(process.communicate)
    return process


def forked(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """What `snakemake(folder, ...)` gives where no job runs, in half of the time."""
    command = ["--cores", "2", "--nocolor", *arguments]
    with tempfile.NamedTemporaryFile() as output:
        asked = {
            "folder": os.fspath(folder),
            "arguments": command,
            "environment": environment(),
            "output": output.name,
        }
        print(json.dumps(asked), file=planner().stdin, flush=True)
        status = int(planner().stdout.readline())
        said = Path(output.name).read_text(encoding="utf-8")
    return subprocess.CompletedProcess(["snakemake", *command], status, said)


def dry_run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """A dry run in a folder."""
    return forked(folder, "--dry-run", *arguments)


def plan(folder: Path, *arguments: str) -> Counter:
    """What a dry run would run: jobs as "rule value value ...", the wildcards in their order."""
    result = dry_run(folder, *arguments)
    assert result.returncode == 0, result.stdout
    jobs = Counter()
    # The jobs of a group stand indented below its name.
    job = r"^( *)(?:local)?rule (\w+):\n((?:\1 {4}.*\n)*)"
    for _, rule, block in re.findall(job, result.stdout, re.M):
        wildcards = re.search(r"^ *wildcards: (.*)$", block, re.M)
        values = [one.split("=", 1)[1] for one in wildcards[1].split(", ")] if wildcards else []
        jobs[" ".join([rule, *filter(None, values)])] += 1
    if not jobs:
        assert "Nothing to be done" in result.stdout, result.stdout
    return jobs


def rules(jobs: Counter) -> Counter:
    """The number of jobs of each rule of a plan, each job standing in it once."""
    assert set(jobs.values()) == {1}
    return Counter(job.split()[0] for job in jobs)


def reruns(folder: Path, configuration: str = "config/test.yaml") -> set[str]:
    """The jobs that would run again, collections and the record of provenance left out."""
    jobs = plan(folder, "--configfile", configuration)
    assert set(jobs.values()) <= {1}
    # It is made anew with anything, and never else.
    assert ("provenance" in jobs) == bool(jobs)
    return set(jobs) - COLLECTIONS - {"provenance"}


def read(folder: Path, configuration: str) -> dict:
    """A configuration file of a copy."""
    return yaml.safe_load((folder / configuration).read_text())


def planned(folder: Path, *files: str, **more: object) -> study.Study:
    """What configuration files of a copy, laid one over the other, and `--config` stand for."""
    given = {}
    for file in files:
        given |= read(folder, file)
    return config.read({**given, **more}, folder)


def write(folder: Path, configuration: str, content: dict) -> None:
    """Put a configuration file in place of the one of a copy."""
    (folder / configuration).write_text(yaml.safe_dump(content, sort_keys=False))
