"""A copy of the sources that runs on a real SLURM, through the slurm profile, in the container."""

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import yaml
from workflow import ROOT, copy_sources, read, write

CONFIGURATION = "tests/cluster/config.yaml"
TABLES = ("attacks", "history")
# A link says who runs it and when it is trained, waits as long as it is held, and may want too much
# memory. It is the copy's script that is changed, before anything is run with it.
STAGED = """
    import os
    print("Run by", Path(f"/proc/{os.getppid()}/cmdline").read_text())
    folder = Path("staged")
    if folder.is_dir():
        import time
        with open(folder / "trained", "a") as file:
            file.write(f"{job.last_epoch}\\n")
        while (folder / f"hold{job.last_epoch}").exists():
            time.sleep(0.2)
        if (folder / f"greedy{job.last_epoch}").exists():
            ballast = [bytearray(b"x") * 2**20 for _ in range(3000)]
            time.sleep(600)
"""


def command(*words: str) -> str:
    """What a command prints."""
    return subprocess.run(words, text=True, capture_output=True, check=True, timeout=60).stdout


def wait(what: str, condition, seconds: float = 900):
    """The first true value of a condition, which must come within the time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if value := condition():
            return value
        time.sleep(0.5)
    pytest.fail(f"waited {seconds:.0f} s in vain for {what}")


class Project:
    """A copy of the sources, and what SLURM makes of it."""

    def __init__(self, folder: Path, image: Path) -> None:
        self.folder = folder
        self.staged = folder / "staged"
        copy_sources(folder)
        (folder / Path(CONFIGURATION).parent).mkdir(parents=True)
        shutil.copy(ROOT / CONFIGURATION, folder / CONFIGURATION)
        (folder / image.name).symlink_to(image)
        self.staged.mkdir()
        script = folder / "scripts/train.py"
        place = "    device.configure(args.threads, job.dtype)\n"
        assert script.read_text().count(place) == 1
        script.write_text(script.read_text().replace(place, place + STAGED))
        # The shipped profile, but that it looks at its jobs more often.
        profile = folder / "profiles/slurm/config.yaml"
        quick = yaml.safe_load(profile.read_text())
        quick |= {"slurm-init-seconds-before-status-checks": 2, "latency-wait": 10, "retries": 0}
        profile.write_text(yaml.safe_dump(quick, sort_keys=False))
        self.targets = []
        self.outputs = 0

    def reduce(self) -> None:
        """One chain of three links, one attack, and the tables of both."""
        config = read(self.folder, CONFIGURATION)
        config["runs"] = {"float32": config["runs"]["float32"]}
        config["also"][0]["attack"] = "fgsm"
        config["figures"] = {}
        config["audits"] = {}
        write(self.folder, CONFIGURATION, config)
        self.targets = [f"results/digits/tables/{name}.csv" for name in TABLES]

    def start(self, *arguments: str) -> subprocess.Popen:
        """Start Snakemake with the profile, in a session of its own."""
        self.outputs += 1
        with open(self.folder / f"output{self.outputs}", "w") as output:
            self.process = subprocess.Popen(
                [
                    *(Path(sys.executable).parent / "snakemake", "--nocolor"),
                    *("--workflow-profile", "profiles/slurm", "--configfile", CONFIGURATION),
                    *arguments,
                    *("--", *self.targets),
                ],
                cwd=self.folder,
                # A snapshot of a job's environment that pytest has added to is none of a user's.
                env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST")},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self.process

    def output(self) -> str:
        """What the last Snakemake printed."""
        return (self.folder / f"output{self.outputs}").read_text()

    def finish(self, *arguments: str, timeout: float = 1800) -> None:
        """Run Snakemake to its end, which must be a good one."""
        assert self.start(*arguments).wait(timeout) == 0, self.output()

    def stage(self, what: str) -> Path:
        """Have a link do something: "hold2", "greedy2"."""
        file = self.staged / what
        file.touch()
        return file

    def trained(self) -> Counter:
        """How often the training of each link was begun, by its last epoch."""
        file = self.staged / "trained"
        return Counter(map(int, file.read_text().split() if file.exists() else []))

    def jobs(self, states: str = "RUNNING") -> list[str]:
        """The SLURM jobs of this folder in some states."""
        lines = command("squeue", "-h", "-t", states, "-o", "%i %Z").splitlines()
        return [line.split()[0] for line in lines if line.split()[1] == str(self.folder)]

    def held(self, epoch: int, times: int = 1) -> str:
        """The SLURM job that trains a link, once it does."""

        def trains() -> bool:
            found = self.trained()[epoch] == times
            assert found or self.process.poll() is None, self.output()
            return found

        wait(f"link {epoch} to be trained", trains)
        (job,) = self.jobs()
        return job

    def tables(self) -> dict[str, pd.DataFrame]:
        """What was measured, without the seconds that it took."""
        return {
            name: pd.read_csv(self.folder / f"results/digits/tables/{name}.csv", dtype=str)
            .query("run == 'float32'")
            .query("attack == 'fgsm'" if name == "attacks" else "run == run")
            .drop(columns="seconds")
            .reset_index(drop=True)
            for name in TABLES
        }
