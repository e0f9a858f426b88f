"""The jobs of a run by themselves: their own commands, without Snakemake and its start."""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from workflow import job_environment, server, snakemake

import preloaded


class Ended(NamedTuple):
    """How a job has ended: its status and what is in its log."""

    status: int
    log: str


class Jobs:
    """The jobs of a finished run, by the file they write, to be repeated in copies of it."""

    def __init__(self, folder: Path) -> None:
        """Read the commands from a dry run."""
        plan = snakemake(
            folder,
            *("--forceall", "--dry-run", "--printshellcmds", "--configfile", "config/test.yaml"),
        )
        jobs = re.findall(
            r"^ {4}output: (.*)\n {4}log: (.*)\n(?: {4}.*\n)+Shell command: (.*)$",
            plan.stdout,
            re.M,
        )
        self.by_output = {
            output: (log, command)
            for outputs, log, command in jobs
            for output in re.sub(r" \(.*?\)", "", outputs).split(", ")
        }
        assert self.by_output, plan.stdout
        self.environment = job_environment() | {preloaded.ADDRESS: server()}

    def run(self, folder: Path, output: str) -> Ended:
        """Run the job that writes a file, in a copy of the run."""
        log, command = self.by_output[output]
        job = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=folder,
            env=self.environment,
            check=False,
        )
        return Ended(job.returncode, (folder / log).read_text())
