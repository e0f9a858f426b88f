"""How planning grows: seconds and memory of dry runs of 1,000, 10,000 and 30,000 jobs.

The configuration has many seeds, floating-point types and epsilons of an iterative attack, so that
most jobs are attacks, as in a large study. Nothing is run, and nothing has been made before. With
--rebuild, the published protocol instead, of which everything has been made: how long does it take
to find that nothing is to be done? Its results are empty files here.
"""

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
DTYPES = ["float16", "bfloat16", "float32", "float64"]
EPSILONS = [f"{number / 100:g}" for number in range(1, 21)]
# Of a seed: three links, a measurement, and the attacks.
PER_SEED = 3 + 1 + len(DTYPES) * len(EPSILONS)


def configuration(jobs: int) -> dict:
    """A configuration of about so many jobs."""
    return {
        "dataset": "digits",
        "split": {"train": 300, "validation": 100},
        "runs": {
            "run": {
                "network": {"name": "mlp", "hidden": [16]},
                "dtype": "float32",
                "optimizer": {"name": "adam"},
                "learning_rate": 0.01,
                "epochs": [1, 2, 3],
                "seeds": list(range(1, 1 + max(1, round(jobs / PER_SEED)))),
            }
        },
        "attacks": {
            "pgd": {
                "method": "pgd",
                "gradient": "cross_entropy_sum",
                "steps": 2,
                "relative_step": 0.6,
            }
        },
        "also": [{"run": "run", "attack": "pgd", "dtype": DTYPES, "epsilons": EPSILONS}],
        "summary": {
            "runs": ["run"],
            "epsilon": EPSILONS[0],
            "columns": [{"label": "PGD", "attack": "pgd", "dtype": "float32"}],
        },
    }


def dry_run(folder: Path, file: Path, *options: str) -> tuple[str, float, float, float]:
    """What Snakemake prints, its seconds, of them at work, and peak memory in MB."""
    snakemake = Path(sys.executable).parent / "snakemake"
    command = [
        *(snakemake, "--snakefile", ROOT / "Snakefile", "--directory", folder),
        *("--workflow-profile", ROOT / "profiles/default", "--configfile", file),
        *("--nocolor", "--cores", os.cpu_count(), *options),
    ]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    result = subprocess.run(
        list(map(str, command)), encoding="utf-8", capture_output=True, check=False
    )
    seconds = time.perf_counter() - began
    printed = result.stdout + result.stderr
    if result.returncode:
        sys.exit(printed)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Much less than the seconds where other processes are at work too.
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    # Of the largest child so far: ask for ascending numbers of jobs.
    return printed, seconds, busy, after.ru_maxrss / 1024


def plan(jobs: int, folder: Path) -> tuple[int, float, float, float]:
    """Jobs planned, and what a dry run of them takes."""
    file = folder / f"{jobs}.yaml"
    file.write_text(yaml.safe_dump(configuration(jobs)), encoding="utf-8")
    printed, *taken = dry_run(folder, file, "--dry-run", "--quiet", "rules")
    return int(re.search(r"^total\s+(\d+)", printed, re.M)[1]), *taken


def rebuild(folder: Path) -> tuple[int, float, float, float]:
    """Jobs of the published protocol, and what it takes to find that none is to be run."""
    file = ROOT / "config.yaml"
    printed, *_ = dry_run(folder, file, "--dry-run")
    for line in re.findall(r"^ +output: (.*)$", printed, re.M):
        for name in line.removesuffix(" (temp)").split(", "):
            output = folder / name.split(" (")[0]
            output.parent.mkdir(parents=True, exist_ok=True)
            output.touch()
    dry_run(folder, file, "--touch", "--quiet", "all")
    found, *taken = dry_run(folder, file, "--dry-run")
    if "Nothing to be done" not in found:
        sys.exit(found)
    return int(re.search(r"^total\s+(\d+)", printed, re.M)[1]), *taken


def main() -> None:
    """Plan and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1_000, 10_000, 30_000])
    parser.add_argument("--rebuild", action="store_true", help="the published protocol, finished")
    args = parser.parse_args()
    print("| jobs | seconds | CPU seconds | CPU ms a job | peak memory, MB |")
    print("|-----:|--------:|------------:|-------------:|----------------:|")
    with tempfile.TemporaryDirectory() as folder:
        measured = (plan(jobs, Path(folder)) for jobs in sorted(args.jobs))
        for planned, seconds, busy, memory in [rebuild(Path(folder))] if args.rebuild else measured:
            print(
                f"| {planned:,} | {seconds:.1f} | {busy:.1f} | {1000 * busy / planned:.1f} |"
                f" {memory:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
