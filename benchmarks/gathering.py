"""Rows of 1,000 to 100,000 files put together by the workflow's own rule: seconds and memory.

`python -m benchmarks.gathering` makes a small run for real, 80 files of attacks on one seed, and
copies its rows for further seeds. Snakemake then makes the table of all of them. For each seed the
table must have the rows of the small run. benchmarks/results/gathering.md has what it printed.
"""

import argparse
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pandas as pd
import yaml

from benchmarks import planning
from mirage.reporting import rows

RUN = "attacks/run/seed{}"
# What one run of Snakemake may plan here: all files that the table reads are there.
ALONE = ("--allowed-rules", "table")


def copied(results: Path, seeds: range) -> int:
    """Copy the rows of attacks on seed 1 for other seeds; how many files there are then."""
    files = {
        file.relative_to(results / RUN.format(1)): file.read_text(encoding="utf-8")
        for file in sorted((results / RUN.format(1)).rglob("*.csv"))
    }
    for seed in seeds:
        for file, text in files.items():
            copy = results / RUN.format(seed) / file
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(with_seed(text, seed), encoding="utf-8")
    return len(files) * (1 + len(seeds))


def with_seed(text: str, seed: int) -> str:
    """Rows of seed 1 with another one, which is their third column."""
    return re.sub(r"^([^,]*,[^,]*),1,", rf"\1,{seed},", text, flags=re.M)


def longest_command(file: Path) -> int:
    """How many times a command line takes the path of a file, to the next hundred."""
    fits, not_any_more = 0, 1_000_000
    while not_any_more - fits > 100:
        tried = (fits + not_any_more) // 2
        try:
            subprocess.run(["true", *[str(file)] * tried], check=True)
            fits = tried
        except OSError:
            not_any_more = tried
    return fits // 100 * 100


def check(table: pd.DataFrame, small: pd.DataFrame, seeds: int) -> None:
    """Refuse a table that has not the rows of the small run for each seed.

    Raises:
        ValueError: Some rows are others.
    """
    values = table.drop(columns="seed")
    expected = pd.concat([small.drop(columns="seed")] * seeds, ignore_index=True)
    keys = ["epoch", "dtype", "epsilon"]
    values, expected = (
        one.sort_values(keys, kind="stable", ignore_index=True) for one in (values, expected)
    )
    if not values.equals(expected) or set(table["seed"]) != set(range(1, seeds + 1)):
        raise ValueError("the table has other rows than the files")


def main() -> None:
    """Make the files, put them together and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--small", type=Path, help="folder in which the small run has been made")
    args = parser.parse_args()
    os.environ["MIRAGE_PRELOAD"] = "0"  # the script is to be among the processes that are measured
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = args.small or folder / "small"
        file = folder / "small.yaml"
        file.write_text(yaml.safe_dump(planning.configuration(1)), encoding="utf-8")
        if not args.small:
            small.mkdir()
            planning.call(small, file)
        expected = rows.read([small / "results/digits/tables/attacks.csv"], "attacks")
        print("| files | rows | MB | seconds | load before | CPU seconds | peak memory, MB |")
        print("|------:|-----:|---:|--------:|------------:|------------:|----------------:|")
        results = folder / "large/results/digits"
        shutil.copytree(small / "results/digits/attacks", results / "attacks")
        made = 1
        for files in sorted(args.files):
            seeds = round(files / 80)
            count = copied(results, range(made + 1, seeds + 1)) + 80 * (made - 1)
            made = seeds
            config = planning.configuration(seeds * planning.PER_SEED)
            file.write_text(yaml.safe_dump(config), encoding="utf-8")
            load = os.getloadavg()[0]
            table = results / "tables/attacks.csv"
            target = table.relative_to(folder / "large")
            _, seconds, busy, memory = planning.call(
                folder / "large", file, *ALONE, "--forcerun", "table", "--", target
            )
            found = rows.read([table], "attacks")
            check(found, expected, seeds)
            print(
                f"| {count:,} | {len(found):,} | {table.stat().st_size / 1e6:.1f} | {seconds:.1f} |"
                f" {load:.1f} | {busy:.1f} | {memory:.0f} |",
                flush=True,
            )
        example = next((results / RUN.format(1)).rglob("*.csv")).relative_to(folder / "large")
        print(f"\nA command line takes {longest_command(example):,} names such as {example}.")


if __name__ == "__main__":
    main()
