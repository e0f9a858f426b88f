"""Speed and memory against the peers and against the arithmetic, as ratios from one run.

Without options everything is measured and written to benchmarks/results. A selection (`--only`) is
printed, and written only where `--output` says; what is there of the other parts stays, with its
date, if it was measured on this machine.
"""

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import ROOT, growth, whole
from mirage.runtime import device

ATTACKS = {
    "fgsm": "FGSM at ten epsilons",
    "fgsm_accuracy": "FGSM at ten epsilons, with the accuracies",
    "pgd": "PGD, 40 steps",
    "deepfool": "DeepFool",
    "jsma": "JSMA",
    "lbfgs": "L-BFGS",
}
# Of an audit: its images, its budgets.
AUDIT = {
    "audit_fgsm": "audit: FGSM",
    "audit_pgd": "audit: PGD, 20 steps",
    "audit_apgd": "audit: Auto-PGD, 40 steps",
    "audit_apgd_dlr": "audit: Auto-PGD on DLR, 40 steps",
    "audit_square": "audit: Square Attack, 500 queries",
}
PARTS = ("training", *ATTACKS, *AUDIT, "memory", "whole")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="make bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, help="parts to measure; default: all")
    parser.add_argument("--repeats", type=int, default=5, help="of each comparison; default: 5")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="and cores of a run")
    parser.add_argument(
        "--whole",
        nargs="+",
        choices=whole.TARGETS,
        default=["quick", "tour"],
        help="runs as a whole; default: quick tour; one-seed is reproduce with the first seeds",
    )
    parser.add_argument("--output", type=Path, help="folder for tables and figure")
    parser.add_argument(
        "--keep",
        type=Path,
        help="folder for the runs as a whole, one in it for each; called again with the same\n"
        "folder a run goes on where it was stopped, and its sittings are added up",
    )
    parser.add_argument(
        "--minutes", type=float, help="stop a run as a whole after so many; needs --keep"
    )
    args = parser.parse_args()
    if args.repeats < 1:
        parser.error("--repeats must be at least 1")
    if args.minutes and not args.keep:
        parser.error("--minutes needs --keep: what was stopped is to go on from there")
    for target in args.whole if args.keep else ():
        if (folder := args.keep / target).exists() and not (folder / whole.RECORDS).exists():
            parser.error(f"--keep: {folder} is there, and not from such a run; name another folder")
    return args


def comparisons(setting, parts: tuple[str, ...], threads: int) -> Iterator[tuple[str, Callable]]:
    """Name and sides of every comparison asked for; the sides as a function that prepares them."""
    from benchmarks import training

    if "training" in parts:
        for network in training.NETWORKS:
            for dtype in training.DTYPES:
                yield (
                    f"training epoch, {network}, {dtype}",
                    lambda network=network, dtype=dtype: training.sides(
                        setting, network, dtype, threads
                    ),
                )
    for named, module, kind in ((ATTACKS, "attacks", "Attacks"), (AUDIT, "audit", "Audited")):
        if set(parts) & set(named):
            import keras

            keras.config.set_floatx("float32")
            attacked = getattr(importlib.import_module(f"benchmarks.{module}"), kind)
            attacks = attacked(setting.network, *setting.attacked)
            for part, name in named.items():
                if part in parts:
                    yield name, lambda part=part, attacks=attacks: attacks.sides(part, threads)


def main() -> None:
    """Measure, print and write."""
    args = arguments()
    from benchmarks import report
    from benchmarks.comparison import compare
    from benchmarks.setting import Setting, about
    from benchmarks.targets import targets

    parts = tuple(args.only or PARTS)
    found = report.Report(about(args.threads), args.repeats)
    # Before TensorFlow starts its threads here, and with all the memory.
    if "whole" in parts:
        for target in args.whole:
            print(f"{target} ...", flush=True)
            try:
                keep = args.keep and args.keep / target
                made = whole.run(target, args.threads, keep, args.minutes)
            except RuntimeError as error:
                found.failures.append(str(error))
                print(error, flush=True)
                continue
            if made:
                found.runs.append(made)
            else:
                print(f"{target}: stopped; the same command goes on from there", flush=True)
    if "memory" in parts:
        print("memory ...", flush=True)
        found.peaks = growth.measure()
    if set(parts) - {"memory", "whole"}:
        device.configure(args.threads)
        # The peers say much; what fails is in the table.
        logging.getLogger().setLevel(logging.WARNING)
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        setting = Setting(os.environ)
        found.images = setting.name
        for name, prepare in comparisons(setting, parts, args.threads):
            print(f"{name} ...", flush=True)
            rows = compare(name, prepare(), args.repeats)
            found.rows += rows
            print(report.speed(rows), flush=True)
    output = args.output or (None if args.only else ROOT / "benchmarks" / "results")
    if output and args.only:
        try:
            found.add(output)
        except report.ReportError as error:
            print(error, file=sys.stderr)
            output = None
    found.targets = targets(found.rows, found.whole(), found.peaks)
    print(found.markdown())
    if output:
        found.write(output)
        print(f"Written to {os.path.relpath(output)}", file=sys.stderr)


if __name__ == "__main__":
    main()
