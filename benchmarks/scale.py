"""A large study to its end, killed half-way and called again: wall time, memory, and every byte.

`python -m benchmarks.scale --folder F` runs a study of 10,000 jobs on two cores. When half of them
are done, Snakemake and all of its jobs get SIGKILL, and the same command goes on. A tenth of the
seeds is run before that, undisturbed. For these seeds all files of both must be equal, but for
times. No finished job may begin again, and nothing may be left to do or lying about. Stopped itself
(Ctrl-C, SIGTERM), it goes on when it is called again with the same folder.
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import yaml
from attempts import Account, Attempt, Notes
from compared import differences
from workflow import processes

from benchmarks import ROOT, planning, whole
from benchmarks.comparison import markdown

CONFIGURATION = "config/scale.yaml"
RESULTS = ROOT / "benchmarks/results/scale.md"
CORES = 2
INTERVAL = 5  # seconds between two looks at Snakemake
STEPS = re.compile(r"^(\d+) of (\d+) steps", re.M)
# Beside the copy of the sources.
KILLED, ENDED, SAMPLES = "killed", "ended", "samples.csv"


def complete(place: Path, jobs: int, *, kill: bool) -> whole.Run:
    """Run a study of so many jobs, or go on with it, to its end.

    Args:
        place: Folder in which its folder is, and notes on it.
        jobs: About how many.
        kill: Have it killed when half is done. Where not, a run that was stopped begins anew.

    Raises:
        RuntimeError: It failed, is still running, or is another study.
    """
    folder = place / "mirage"
    file, text = folder / CONFIGURATION, yaml.safe_dump(planning.configuration(jobs))
    if running := processes(folder):
        raise RuntimeError(f"{folder}: end what runs there: {', '.join(map(str, running))}")
    if file.exists() and file.read_text(encoding="utf-8") != text:
        raise RuntimeError(f"{folder} is another study; name another folder")
    if not file.exists() or not (kill or (place / ENDED).exists()):
        shutil.rmtree(place, ignore_errors=True)
        whole.copy(folder)
        file.write_text(text, encoding="utf-8")
    while not (place / ENDED).exists():
        sit(folder, kill and not (place / KILLED).exists())
    return whole.total(place.name, CORES, folder)


def sit(folder: Path, kill: bool) -> None:
    """One sitting, to the end or to the kill; Snakemake's memory is noted meanwhile."""
    place = folder.parent
    with whole.sitting(folder) as (number, variables):
        attempt = Attempt(folder, CONFIGURATION, number, **variables)
        try:
            while attempt.process.poll() is None:
                look(attempt, number, place / SAMPLES)
                if kill and half_done(place / SAMPLES):
                    (place / KILLED).touch()
                    attempt.kill(signal.SIGKILL, everyone=True)
                    return
                with contextlib.suppress(subprocess.TimeoutExpired):
                    attempt.process.wait(INTERVAL)
        except KeyboardInterrupt:
            attempt.kill(signal.SIGTERM, everyone=False)
            raise
    if attempt.process.returncode:
        raise RuntimeError(f"failed:\n{attempt.log.read_text(encoding='utf-8')[-2000:]}")
    (place / ENDED).touch()


def look(attempt: Attempt, sitting: int, samples: Path) -> None:
    """Append the jobs done and planned in this sitting to the samples, with the memory."""
    # A job that takes all files is told with all their names.
    steps = STEPS.findall(attempt.log.read_text(encoding="utf-8")[-(2**21) :])
    done, planned = map(int, steps[-1]) if steps else (0, 0)
    status = Path(f"/proc/{attempt.process.pid}/status").read_text(encoding="utf-8")
    resident = re.search(r"^VmRSS:\s+(\d+) kB", status, re.M)
    if resident:  # it has not just ended
        with open(samples, "a", encoding="utf-8") as file:
            row = sitting, time.time(), done, planned, int(resident[1]) / 1024, os.getloadavg()[0]
            print(*row, sep=",", file=file)


def progress(samples: Path) -> pd.DataFrame:
    """The samples taken since there was a plan; `done` counts the jobs of all sittings."""
    names = ["sitting", "at", "done", "planned", "memory", "load"]
    found = pd.read_csv(samples, names=names)
    found["seconds"] = found["at"] - found.groupby("sitting")["at"].transform("min")
    found = found[found["planned"] > 0]
    # The sittings before have done what is no more planned.
    found["jobs"] = found["planned"].max()
    found["done"] += found["jobs"] - found["planned"]
    return found


def half_done(samples: Path) -> bool:
    """Whether half of all jobs are done; of a Snakemake that fails at once there is no sample."""
    if not samples.exists():
        return False
    found = progress(samples)
    return bool((2 * found["done"] >= found["jobs"]).any())


def check(place: Path, tenth: Path, seeds: int) -> Account:
    """Refuse a run whose jobs, or files of these seeds, are not those of an undisturbed one."""
    folder, results = place / "mirage", "mirage/results/digits"
    account = Account()
    sittings = len(list((folder / whole.RECORDS).iterdir()))
    for number in range(1, 1 + sittings):
        account.add(Notes(folder, number), killed=number < sittings)
    account.check(folder, CONFIGURATION)
    found = differences(tenth / results, place / results, seeds)
    assert found == [], found
    return account


def course(samples: Path) -> str:
    """A table of Snakemake's memory and of jobs a second, at each tenth of the jobs."""
    found = progress(samples)
    found["tenth"] = 10 * found["done"] // found["jobs"]
    found = found.drop_duplicates(["sitting", "tenth"], keep="last")
    since = found.groupby("sitting")[["done", "seconds"]].diff()
    lines = [
        (
            row.sitting,
            f"{row.seconds:,.0f}",
            f"{row.done:,}",
            "" if pd.isna(rate) else f"{rate:.2f}",
            f"{row.memory:.0f}",
            f"{row.load:.1f}",
        )
        for row, rate in zip(found.itertuples(), since["done"] / since["seconds"], strict=True)
    ]
    header = ("sitting", "seconds", "jobs done", "jobs a second since", "memory, MB", "load")
    return markdown(header, lines)


def study(folder: Path, jobs: int) -> str:
    """Run both studies in a folder, or go on with them, check them, and give the report.

    Raises:
        RuntimeError: A run failed, is still running, or is another study.
        AssertionError: A job was repeated, a file is another, or something is left.
    """
    tenth = complete(folder / "undisturbed", jobs // 10, kill=False)
    run = complete(folder / "killed", jobs, kill=True)
    seeds = len(planning.configuration(jobs // 10)["runs"]["run"]["seeds"])
    accounts = [check(folder / one.target, folder / "undisturbed", seeds) for one in (tenth, run)]
    lines = [
        (
            *(one.target, f"{len(account.often):,}", one.sittings, f"{one.seconds:,.0f}"),
            f"{len(account.often) / one.seconds:.2f}",
            *(f"{one.wall_seconds[name] / one.seconds:.1%}" for name in whole.CATEGORIES),
            f"{one.busy:.0%}",
        )
        for one, account in zip((tenth, run), accounts, strict=True)
    ]
    named = ("run", "jobs", "sittings", "seconds", "jobs a second")
    header = (*named, *whole.CATEGORIES, "cores busy")
    often = accounts[1].often
    repeated = often.total() - len(often)
    others = run.sittings - 2
    killed = folder / "killed"
    found = progress(killed / SAMPLES)
    # The time of a file may be some milliseconds behind the clock's.
    done = found.loc[found["at"] < (killed / KILLED).stat().st_mtime + 1, "done"].max()
    return f"""\
{len(often):,} jobs of one run and many seeds on the digits, on {CORES} cores.
When {done:,} were done, Snakemake and all of its jobs got SIGKILL; the same command went on. Other
stops (SIGTERM): {others}. {repeated} jobs were running then and began again, and no finished one
did. All files of the first {seeds} seeds, rows of tables included, are those of an undisturbed run
of these seeds alone, byte for byte but for times. Nothing is left to do, no process and no
temporary file.

{markdown(header, lines)}
The wall time is divided as in [benchmarks.md](benchmarks.md).

## Snakemake over time

{course(killed / SAMPLES)}"""


def main() -> None:
    """Run, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=10_000, help="about how many; default: 10,000")
    parser.add_argument("--folder", type=Path, required=True, help="for the runs; made, and kept")
    parser.add_argument("--output", type=Path, default=RESULTS, help="file for the result")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        found = study(args.folder.resolve(), args.jobs)
    except RuntimeError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on from there")
    from benchmarks.setting import about

    machine = markdown(("", ""), about(CORES).items())
    args.output.write_text(f"# A large study to its end\n\n{machine}\n{found}", encoding="utf-8")
    print(found)


if __name__ == "__main__":
    main()
