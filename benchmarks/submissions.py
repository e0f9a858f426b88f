"""What groups save on SLURM: `sbatch` calls, messages to its controller, and core seconds.

`python -m benchmarks.submissions --folder F` runs `config/quick.yaml` on the SLURM that is there,
with profiles/slurm as it is but for the container, and without its groups. It needs Snakemake's
plugin (`make .venv/cluster`) and a SLURM that nobody else uses meanwhile, such as the one of
`tests/cluster/slurm.sh up`. benchmarks/results/submissions.md has what it printed.
"""

import argparse
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml
from workflow import copy_sources, job_environment

from benchmarks.comparison import markdown

CONFIGURATION = "config/quick.yaml"
PROFILE = "profiles/slurm/config.yaml"
CONTAINER = ("software-deployment-method", "apptainer-args")
GROUPS = ("groups", "group-components")
SUBMITTED = re.compile(r"SLURM jobid (\d+)")
MESSAGES = re.compile(r"^\s+[A-Z_]+\s+\(\s*\d+\) count:(\d+)", re.M)


def messages() -> int:
    """How many the controller has had since its numbers were last set to 0 (`sdiag`)."""
    return sum(map(int, MESSAGES.findall(told("sdiag"))))


def told(*command: str) -> str:
    """What a command prints."""
    return subprocess.run(command, encoding="utf-8", capture_output=True, check=True).stdout


def seconds(text: str) -> float:
    """Of a time as SLURM writes it: [days-][hours:]minutes:seconds."""
    days, _, rest = text.rpartition("-")
    found = 0.0
    for part in rest.split(":"):
        found = 60 * found + float(part)
    return found + 86_400 * int(days or 0)


def spent(lines: list[str]) -> float:
    """Core seconds of some jobs, from lines of time and job, and of time and step (23.batch)."""
    pairs = [line.split("|") for line in lines]
    return sum(seconds(text) for text, job in pairs if "." not in job)


def run(folder: Path, without: tuple[str, ...]) -> dict[str, float]:
    """Run the configuration with the profile, some of its keys left out.

    Args:
        folder: Made anew, with a copy of the sources.
        without: Keys of the profile.

    Returns:
        What SLURM says of it, and the wall time in seconds.

    Raises:
        RuntimeError: It failed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    copy_sources(folder)
    profile = yaml.safe_load((folder / PROFILE).read_text(encoding="utf-8"))
    kept = {key: value for key, value in profile.items() if key not in without}
    # Both look at their jobs often: a wait of 30 s would be most of so small a run.
    kept["slurm-init-seconds-before-status-checks"] = 2
    (folder / PROFILE).write_text(yaml.safe_dump(kept, sort_keys=False), encoding="utf-8")
    command = [Path(sys.executable).parent / "snakemake", "--nocolor", "--workflow-profile"]
    command += [Path(PROFILE).parent, "--configfile", CONFIGURATION]
    before, began = messages(), time.monotonic()
    done = subprocess.run(
        command,
        cwd=folder,
        env=job_environment(),
        encoding="utf-8",
        capture_output=True,
        check=False,
    )
    wall = time.monotonic() - began
    if done.returncode:
        raise RuntimeError(f"{folder}: {done.stdout}{done.stderr}")
    sent = messages() - before
    numbers = sorted(set(SUBMITTED.findall(done.stdout + done.stderr)))
    time.sleep(10)  # until the last job is in the account
    lines = told("sacct", "-XnP", "-j", ",".join(numbers), "-o", "ElapsedRaw,AllocCPUS,State")
    jobs = [line.split("|") for line in lines.splitlines()]
    if {state for _, _, state in jobs} != {"COMPLETED"}:
        raise RuntimeError(f"{folder}: {lines}")
    used = told("sacct", "-nP", "-j", ",".join(numbers), "-o", "TotalCPU,JobID").splitlines()
    return {
        "`sbatch` calls": len(numbers),
        "messages to the controller": sent,
        "core seconds used": spent(used),
        "core seconds held": sum(int(elapsed) * int(cores) for elapsed, cores, _ in jobs),
        "wall time, s": wall,
    }


def main() -> None:
    """Run both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="one that all nodes see")
    place = parser.parse_args().folder.resolve()
    sides = {"with its groups": CONTAINER, "without": (*CONTAINER, *GROUPS)}
    found = {name: run(place / name.split()[0], without) for name, without in sides.items()}
    columns = next(iter(found.values()))
    lines = [[name, *(f"{value:.0f}" for value in row.values())] for name, row in found.items()]
    print(markdown([PROFILE, *columns], lines))


if __name__ == "__main__":
    main()
