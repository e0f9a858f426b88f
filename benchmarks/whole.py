"""Whole runs of the workflow: wall time, what it went into, and the memory of each kind of job.

A run is made in a copy of this folder, with this environment. Every Python process of it notes
where its CPU time goes (watch/sitecustomize.py). Each twentieth of a second of wall time is divided
among what ran in it, in proportion to CPU time; so a core that waits while Snakemake plans counts
as Snakemake's time, and `waiting` is time in which nothing ran at all.
"""

import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

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
BIN = 0.05  # seconds
# Less of a core than this in a bin is nothing.
NOTHING = 0.02
SNAKEMAKE, SERVER = "snakemake", "serve.py"
COPIED = (
    *("Makefile", "Snakefile", "Singularity.def", "config.yaml", "pyproject.toml"),
    *("config", "envs", "profiles", "report", "resources", "rules", "schemas", "scripts"),
)
# TensorFlow's own line for each program that XLA has compiled: when that ended, and how many
# microseconds it took.
COMPILED = re.compile(r"^I\d+ [\d:]+:(\d+\.\d+) .* compile time: (\d+) us, cumulative", re.M)


@dataclass
class Run:
    """What one of `TARGETS` took.

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


def run(target: str, cores: int, keep: Path | None = None) -> Run:
    """Run one of `TARGETS` in a copy of this folder.

    Args:
        target: A key of `TARGETS`.
        cores: For Snakemake.
        keep: Folder that is to be made for the copy, and left with its results; a temporary one
            where it is not given.

    Raises:
        RuntimeError: It failed; the message is the end of what it printed.
        FileExistsError: There is such a folder already.
    """
    with tempfile.TemporaryDirectory(prefix="mirage-bench-") as temporary:
        folder, records = keep or Path(temporary, "mirage"), Path(temporary, "records")
        records.mkdir()
        folder.mkdir(parents=True)
        for name in COPIED:
            if (ROOT / name).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / name, folder / name, ignore=ignored)
            else:
                shutil.copy2(ROOT / name, folder / name)
        # The environment is that of this process: nothing is installed.
        (folder / ".venv").symlink_to(sys.prefix, target_is_directory=True)
        environment = os.environ | {
            "MIRAGE_WATCH": str(records),
            "PYTHONPATH": str(Path(__file__).parent / "watch"),
            # In the jobs' logs: what XLA took to compile.
            "TF_CPP_MIN_LOG_LEVEL": "0",
            "TF_CPP_VMODULE": "device_compilation_profiler=1",
        }
        if environment.get("MNIST_DIR"):
            environment["MNIST_DIR"] = os.path.abspath(environment["MNIST_DIR"])
        before, began = used(), time.time()
        made = subprocess.run(
            ["make", "--old-file=.venv/runtime", *TARGETS[target], f"CORES={cores}"],
            cwd=folder,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        ended, cpu = time.time(), used() - before
        if made.returncode:
            raise RuntimeError(f"{target} failed:\n{made.stdout[-2000:]}")
        processes = [
            json.loads(line)
            for file in records.glob("*.json")
            for line in file.read_text().splitlines()
        ]
        compiling = {
            str(log.resolve()): compilations(log.read_text(errors="replace"))
            for log in folder.glob("results/*/logs/**/*.log")
        }
    events = [event for process in processes for event in events_of(process, compiling)]
    core_seconds, wall_seconds = divided(events, began, ended)
    # What no Python process noted: shells, make, and starts of interpreters before the first note.
    core_seconds["start-up"] += max(0.0, cpu - sum(core_seconds.values()))
    return Run(target, ended - began, cores, core_seconds, wall_seconds, memory(processes))


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
        if total < NOTHING * width:
            wall_seconds["waiting"] += width
            continue
        for category, bins in use.items():
            wall_seconds[category] += width * bins[number] / total
    return core_seconds, wall_seconds


def memory(processes: Sequence[Mapping]) -> dict[str, tuple[int, float]]:
    """By script: how many processes did its work, and their largest resident memory in MB."""
    peaks = defaultdict(list)
    for process in processes:
        if process["imported"]:
            peaks[process["script"]].append(process["peak"] / 1024)
    return {script: (len(found), max(found)) for script, found in sorted(peaks.items())}
