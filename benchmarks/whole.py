"""Whole runs of the workflow: wall time, what it went into, and the memory of each kind of job.

A run is made in a copy of this folder, with this environment. Every Python process of it notes
where its CPU time goes (watch/sitecustomize.py). Each twentieth of a second of wall time is divided
among what ran in it, in proportion to CPU time; so a core that waits while Snakemake plans counts
as Snakemake's time, and `waiting` is time in which nothing ran at all.
"""

import contextlib
import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sysconfig
import tempfile
import time
import venv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from workflow import copy_sources, environment

from benchmarks import ROOT

CATEGORIES = {
    "arithmetic": "the jobs' own work: training, attacks, measuring, tables, drawing",
    "start-up": "interpreters, imports, building networks, tracing graphs, compiling with XLA",
    "Snakemake": "its start, planning, scheduling and the report",
    "input and output": "reading and writing checkpoints, images, tables and figures",
    "waiting": "nothing ran",
}
# What is run, by name: the arguments of `make`.
TARGETS = {
    "quick": ["quick"],
    "tour": ["tour"],
    "reproduce": ["reproduce"],
    "one-seed": ["reproduce", "ARGS=--config max_seeds=1"],
}
WATCH = Path(__file__).parent / "watch"
BIN = 0.05  # seconds
# Less of a core than this in a bin is nothing.
NOTHING = 0.02
SNAKEMAKE, SERVER = "snakemake", "serve.py"
# TensorFlow's own line for each program that XLA has compiled: when that ended, and how many
# microseconds it took.
COMPILED = re.compile(r"^I\d+ [\d:]+:(\d+\.\d+) .* compile time: (\d+) us, cumulative", re.M)
# In a folder that is kept: for each sitting a folder of records, and of it a file of this name.
RECORDS, SITTING = ".watch", "sitting"


@dataclass
class Run:
    """What one of `TARGETS` took, all its sittings together.

    `core_seconds` and `wall_seconds` are by category; `memory` is, by script, the number of
    processes and the largest resident memory in MB.
    """

    target: str
    seconds: float
    cores: int
    core_seconds: dict[str, float]
    wall_seconds: dict[str, float]
    memory: dict[str, tuple[int, float]]
    date: str = field(default_factory=lambda: date.today().isoformat())
    sittings: int = 1

    @property
    def command(self) -> str:
        """As it is typed."""
        return shlex.join(["make", *TARGETS[self.target]])

    @property
    def busy(self) -> float:
        """Share of the cores' time in which they worked for this run."""
        return sum(self.core_seconds.values()) / (self.seconds * self.cores)

    @property
    def overhead(self) -> float:
        """Share of the wall time that went into start-up and Snakemake."""
        return (self.wall_seconds["start-up"] + self.wall_seconds["Snakemake"]) / self.seconds


def run(
    target: str, cores: int, keep: Path | None = None, minutes: float | None = None
) -> Run | None:
    """Run one of `TARGETS` in a copy of this folder, or go on where an earlier sitting stopped.

    Args:
        target: A key of `TARGETS`.
        cores: For Snakemake.
        keep: Folder of the copy, made where it is not there, and left with its results; a temporary
            one where it is not given.
        minutes: Stop after so many, as Ctrl-C does.

    Returns:
        What it took, or None where it was stopped: called again with the same folder it goes on,
        and the sittings are added up. What a stop threw away is made, and counted, again.

    Raises:
        RuntimeError: It failed; the message is the end of what it printed.
        FileExistsError: `keep` is there, and not from an earlier sitting.
    """
    with tempfile.TemporaryDirectory(prefix="mirage-bench-") as temporary:
        folder = keep or Path(temporary, "mirage")
        if not (folder / RECORDS).exists():
            copy(folder)
        if not sit(target, cores, folder, minutes):
            return None
        return total(target, cores, folder)


def copy(folder: Path) -> None:
    """Make a folder with what a run needs of this one."""
    copy_sources(folder)
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy2(ROOT / name, folder / name)
    make_environment(folder / ".venv")
    (folder / RECORDS).mkdir()


def make_environment(folder: Path) -> None:
    """Make an environment of this one's packages, in which every Python watches itself.

    Nothing is installed. No `PYTHONPATH` reaches a run, so that the watch has to stand in here.
    """
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    # Python runs these lines at its start.
    lines = (
        f"import site; site.addsitedir({sysconfig.get_path('purelib')!a})\n"
        f"import sys; sys.path.insert(0, {str(WATCH)!a}); import sitecustomize\n"
    )
    (packages / "watch.pth").write_text(lines, encoding="utf-8")
    snakemake = folder / "bin/snakemake"
    # Written in this way, the path may be long and have spaces.
    python = f"#!/bin/sh\n'''exec' '{folder.resolve()}/bin/python' \"$0\" \"$@\"\n' '''\n"
    snakemake.write_text(f"{python}from snakemake.cli import main\n\nmain()\n", encoding="utf-8")
    snakemake.chmod(0o755)
    # `make` takes it for installed.
    (folder / "runtime").touch()


def sit(target: str, cores: int, folder: Path, minutes: float | None) -> bool:
    """One sitting; whether it came to the end. Arguments and errors as those of `run`."""
    with sitting(folder) as (number, variables):
        variables = environment() | variables
        if number > 1:
            unlock = [".venv/bin/snakemake", "--unlock"]
            subprocess.run(unlock, cwd=folder, env=variables, capture_output=True, check=True)
        # A shell's background job ignores Ctrl-C, and so would all that it starts. A Ctrl-C while
        # make is started has to wait, or nobody would stop make.
        early = []
        signal.signal(signal.SIGINT, lambda *_: early.append(True))
        printed = folder / RECORDS / str(number) / "printed.log"
        with open(printed, "w", encoding="utf-8") as log:
            made = subprocess.Popen(
                ["make", "--old-file=.venv/runtime", *TARGETS[target], f"CORES={cores}"],
                cwd=folder,
                env=variables,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            stopped = False
            try:
                signal.signal(signal.SIGINT, signal.default_int_handler)
                if early:
                    raise KeyboardInterrupt
                made.wait(minutes and minutes * 60)
            except subprocess.TimeoutExpired:
                stopped = True
            finally:
                # In a session of its own it hears of no Ctrl-C that ends this process.
                if made.poll() is None:
                    os.killpg(made.pid, signal.SIGINT)
                    made.wait()
    if made.returncode and not stopped:
        said = printed.read_text(encoding="utf-8")
        raise RuntimeError(f"{target} failed:\n{said[-2000:]}")
    return not made.returncode


@contextlib.contextmanager
def sitting(folder: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Note when a sitting is and its CPU seconds; gives its number and what its processes watch by.

    That is variables, for what is run in the environment of the copy in `folder`.
    """
    number = 1 + len(list((folder / RECORDS).iterdir()))
    records = folder / RECORDS / str(number)
    records.mkdir()
    before, began = used(), time.time()
    # Now, for a sitting that is killed: it ends with its last record.
    note(records, began)
    yield (
        number,
        {
            "MIRAGE_WATCH": str(records.resolve()),
            # In the jobs' logs: what XLA took to compile.
            "TF_CPP_MIN_LOG_LEVEL": "0",
            "TF_CPP_VMODULE": "device_compilation_profiler=1",
        },
    )
    note(records, began, time.time(), used() - before)


def note(records: Path, began: float, ended: float | None = None, cpu: float | None = None) -> None:
    """Write beside a sitting's records when it was, and the CPU seconds of all it started."""
    sitting = {"began": began, "ended": ended, "cpu": cpu}
    (records / SITTING).write_text(json.dumps(sitting), encoding="utf-8")


def total(target: str, cores: int, folder: Path) -> Run:
    """What all sittings in a folder took together."""
    compiling = {
        str(log.resolve()): compilations(log.read_text(encoding="utf-8", errors="replace"))
        for log in folder.glob("results/*/logs/**/*.log")
    }
    everything = Run(
        *(target, 0.0, cores),
        *(dict.fromkeys(CATEGORIES, 0.0) for _ in range(2)),
        {},
        sittings=0,
    )
    processes = []
    for sitting in (folder / RECORDS).glob(f"*/{SITTING}"):
        times = json.loads(sitting.read_text(encoding="utf-8"))
        watched = [
            json.loads(line)
            for file in sitting.parent.glob("*.json")
            # Of a process that was killed while it wrote, the last is cut off.
            for line in file.read_text(encoding="utf-8").splitlines(keepends=True)
            if line.endswith("\n")
        ]
        processes += watched
        events = [event for process in watched for event in events_of(process, compiling)]
        began = times["began"]
        ended = times["ended"] or max((end for _, end, *_ in events), default=began)
        core_seconds, wall_seconds = divided(events, began, ended)
        # What no Python process noted: shells, make, and starts of interpreters before the first
        # note.
        core_seconds["start-up"] += max(0.0, (times["cpu"] or 0) - sum(core_seconds.values()))
        everything.seconds += ended - began
        for category in CATEGORIES:
            everything.core_seconds[category] += core_seconds[category]
            everything.wall_seconds[category] += wall_seconds[category]
        everything.sittings += 1
    everything.memory = memory(processes)
    return everything


def used() -> float:
    """CPU seconds of all children of this process that have ended, and of theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def compilations(log: str) -> list[tuple[float, float]]:
    """From when to when XLA compiled, by a job's log, in seconds since 1970."""
    return [
        (float(ended) - int(taken) / 1e6, float(ended)) for ended, taken in COMPILED.findall(log)
    ]


def events_of(
    process: Mapping, compiling: Mapping[str, Sequence[tuple[float, float]]]
) -> Iterable[tuple[float, float, float, str]]:
    """The notes of one process: from, to (seconds since 1970), CPU seconds and category.

    `compiling` is that of `compilations`, by the file a process prints to.
    """
    previous = process["began"]
    category = "start-up"
    windows = compiling.get(process["log"], ())
    for at, cpu, noted in process["events"]:
        # The last note has no stack.
        category = category if noted == "end" else noted
        if process["script"] == SNAKEMAKE:
            category = "Snakemake"
        elif process["script"] == SERVER or not process["imported"]:
            # What has imported nothing only waits for its stand-in.
            category = "start-up"
        elif any(start < at <= end for start, end in windows):
            # Its stack is that of the first step.
            category = "start-up"
        # The process has worked just before the note, and may have waited before that.
        yield max(previous, at - cpu) if at > previous else at - cpu, at, cpu, category
        previous = at


def divided(
    events: Iterable[tuple[float, float, float, str]], began: float, ended: float
) -> tuple[dict[str, float], dict[str, float]]:
    """CPU seconds and wall seconds by category, of a run from `began` to `ended`.

    Args:
        events: From, to, CPU seconds used in between, and category.
        began: Seconds since 1970.
        ended: The same.
    """
    count = max(1, round((ended - began) / BIN))
    width = (ended - began) / count
    use = {category: [0.0] * count for category in CATEGORIES}
    for start, end, cpu, category in events:
        first, last = (min(max(int((at - began) / width), 0), count - 1) for at in (start, end))
        for number in range(first, last + 1):
            use[category][number] += cpu / (last - first + 1)
    core_seconds = {category: sum(bins) for category, bins in use.items()}
    wall_seconds = dict.fromkeys(CATEGORIES, 0.0)
    for number in range(count):
        total = sum(bins[number] for bins in use.values())
        if total <= NOTHING * width:
            wall_seconds["waiting"] += width
            continue
        for category, bins in use.items():
            wall_seconds[category] += width * bins[number] / total
    return core_seconds, wall_seconds


def memory(processes: Sequence[Mapping]) -> dict[str, tuple[int, float]]:
    """By script: how many processes did its work, and their largest resident memory in MB."""
    peaks = defaultdict(dict)
    for process in processes:
        if process["imported"]:
            # A process may have several records.
            peaks[process["script"]][process["began"]] = process["peak"] / 1024
    return {script: (len(found), max(found.values())) for script, found in sorted(peaks.items())}
