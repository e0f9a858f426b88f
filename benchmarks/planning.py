"""How planning grows: seconds and memory of dry runs of 1,000 to 100,000 jobs.

The configuration has many seeds (or, with --by runs, many runs), floating-point types and epsilons
of an iterative attack, so that most jobs are attacks, as in a large study. Nothing is run, and
nothing has been made before. With --rebuild, the published protocol instead, of which everything
has been made: how long does it take to find that nothing is to be done? Its results are empty files
here. What stands after `--` goes to Snakemake, such as `-- --persistence-backend db`.
benchmarks/results/planning.md has what it printed.
"""

import argparse
import os
import re
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


def configuration(jobs: int, by: str = "seeds") -> dict:
    """A configuration of about so many jobs: of many `seeds` of one run, or of many `runs`."""
    many = range(1, 1 + max(1, round(jobs / PER_SEED)))
    runs = [f"run{number}" for number in many] if by == "runs" else ["run"]
    return {
        "dataset": "digits",
        "split": {"train": 300, "validation": 100},
        "runs": {
            name: {
                "network": {"name": "mlp", "hidden": [16]},
                "dtype": "float32",
                "optimizer": {"name": "adam"},
                "learning_rate": 0.01,
                "epochs": [1, 2, 3],
                "seeds": [1] if by == "runs" else list(many),
            }
            for name in runs
        },
        "attacks": {
            "pgd": {
                "method": "pgd",
                "gradient": "cross_entropy_sum",
                "steps": 2,
                "relative_step": 0.6,
            }
        },
        "also": [{"run": runs, "attack": "pgd", "dtype": DTYPES, "epsilons": EPSILONS}],
        "summary": {
            "runs": runs[:1],
            "epsilon": EPSILONS[0],
            "columns": [{"label": "PGD", "attack": "pgd", "dtype": "float32"}],
        },
    }


def call(folder: Path, file: Path, *options: str) -> tuple[str, float, float, float]:
    """What Snakemake prints, its seconds, those of the CPU, and the largest process in MB."""
    snakemake = Path(sys.executable).parent / "snakemake"
    command = [
        *(snakemake, "--snakefile", ROOT / "Snakefile", "--directory", folder),
        *("--workflow-profile", ROOT / "profiles/default", "--configfile", file),
        *("--nocolor", "--cores", os.cpu_count(), *options),
    ]
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        process = subprocess.Popen(list(map(str, command)), stdout=output, stderr=output)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        output.seek(0)
        printed = output.read()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(printed)
    return printed, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def plan(jobs: int, by: str, folder: Path, *options: str) -> tuple[int, float, float, float]:
    """Jobs planned, and what a dry run of them takes."""
    file = folder / f"{jobs}.yaml"
    file.write_text(yaml.safe_dump(configuration(jobs, by)), encoding="utf-8")
    printed, *taken = call(folder, file, "--dry-run", "--quiet", "rules", *options)
    return int(re.search(r"^total\s+(\d+)", printed, re.M)[1]), *taken


def rebuild(folder: Path) -> tuple[int, float, float, float]:
    """Jobs of the published protocol, and what it takes to find that none is to be run."""
    file = ROOT / "config.yaml"
    printed, *_ = call(folder, file, "--dry-run")
    for line in re.findall(r"^ +output: (.*)$", printed, re.M):
        for name in line.removesuffix(" (temp)").split(", "):
            output = folder / name.split(" (")[0]
            output.parent.mkdir(parents=True, exist_ok=True)
            output.touch()
    call(folder, file, "--touch", "--quiet", "all")
    found, *taken = call(folder, file, "--dry-run")
    if "Nothing to be done" not in found:
        sys.exit(found)
    return int(re.search(r"^total\s+(\d+)", printed, re.M)[1]), *taken


def main() -> None:
    """Plan and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1_000, 10_000, 30_000, 100_000])
    parser.add_argument(
        "--by", choices=["seeds", "runs"], default="seeds", help="what there is many of"
    )
    parser.add_argument("--rebuild", action="store_true", help="the published protocol, finished")
    parser.add_argument("options", nargs="*", help="for Snakemake, after --")
    args = parser.parse_args()
    print("| jobs | seconds | load before | CPU seconds | CPU ms a job | peak memory, MB |")
    print("|-----:|--------:|------------:|------------:|-------------:|----------------:|")
    for jobs in [0] if args.rebuild else args.jobs:
        load = os.getloadavg()[0]
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            taken = plan(jobs, args.by, folder, *args.options) if jobs else rebuild(folder)
        planned, seconds, busy, memory = taken
        print(
            f"| {planned:,} | {seconds:.1f} | {load:.1f} | {busy:.1f} | {1000 * busy / planned:.1f}"
            f" | {memory:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
