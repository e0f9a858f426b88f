"""Is the code slower than it was? Our side of each comparison, of two checkouts, in turn.

`python -m benchmarks.versions CHECKOUT` times another checkout, in which `make .venv/bench` was
called, beside this one. Seconds of a machine, or ratios of two days, cannot tell: processors of one
name differ by a factor of two. benchmarks/results/versions.md has what it printed.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

# Imported as in the checkout that is the working folder: by path this file is run in another one.
if not __package__:
    sys.path.insert(0, os.getcwd())
from benchmarks import ROOT
from benchmarks.comparison import OURS, SHORTEST, markdown

PARTS = ("training", "fgsm", "fgsm_accuracy", "pgd", "deepfool", "jsma", "lbfgs")
HEADER = ("", "before, s", "fastest to slowest", "now, s", "fastest to slowest", "before / now")
THREADS = 2


class Checkout:
    """A process that runs our sides of one checkout; it is asked a line and answers with one."""

    def __init__(self, folder: Path, parts: list[str]) -> None:
        """Start it."""
        self.folder = folder
        self.process = subprocess.Popen(
            [folder / ".venv/bin/python", "-P", __file__, "--serve", "--only", *parts],
            cwd=folder,
            encoding="utf-8",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def ask(self, question: str) -> str:
        """The answer to a question, as `serve` gives it.

        Raises:
            RuntimeError: It has ended.
        """
        print(question, file=self.process.stdin, flush=True)
        while answer := self.process.stdout.readline():
            # What is timed may print, too.
            if answer.startswith("answer "):
                return answer.removeprefix("answer ").strip()
        raise RuntimeError(f"{self.folder}: it has ended")


def serve(parts: list[str]) -> None:
    """Answer `next` with the name of the next comparison, or nothing, and `run` with seconds."""
    import benchmarks.__main__ as bench
    from benchmarks.setting import Setting

    bench.device.configure(THREADS)
    side = None
    comparisons = bench.comparisons(Setting(os.environ), tuple(parts), THREADS)
    for question in sys.stdin:
        if question.strip() == "next":
            if side and side.close:
                side.close()
            name, prepare = next(comparisons, ("", None))
            if prepare:
                (side,) = (one for one in prepare() if one.name == OURS)
                side.run()  # it compiles and fills caches
            answer = name
        else:
            began, times = time.perf_counter(), 0
            while not times or time.perf_counter() - began < SHORTEST:
                side.run()
                times += 1
            taken = (time.perf_counter() - began) / times
            answer = taken * side.wanted / side.done
        print("answer", answer, flush=True)


def compare(before: Path, parts: list[str], repeats: int) -> str:
    """A table of both, a row a comparison; the one that begins changes from round to round.

    Raises:
        RuntimeError: One has ended, or they do not make the same comparisons.
    """
    both = [Checkout(folder, parts) for folder in (before, ROOT)]
    lines = []
    while any(names := [one.ask("next") for one in both]):
        if names[0] != names[1]:
            raise RuntimeError(f"{' and '.join(names)} are not the same comparison")
        seconds: list[list[float]] = [[], []]
        for number in range(repeats):
            for place in (0, 1) if number % 2 else (1, 0):
                seconds[place].append(float(both[place].ask("run")))
        ratios = [old / new for old, new in zip(*seconds, strict=True)]
        cells = [names[0]]
        for taken in seconds:
            cells += [f"{statistics.median(taken):.3g}", f"{min(taken):.3g} to {max(taken):.3g}"]
        ratio = f"{statistics.median(ratios):.3f}, {min(ratios):.3f} to {max(ratios):.3f}"
        lines.append((*cells, ratio))
        print(*lines[-1], sep=" | ", file=sys.stderr, flush=True)
    return markdown(HEADER, lines)


def main() -> None:
    """Read the command line, time, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("checkout", type=Path, nargs="?", help="folder of the other checkout")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts")
    parser.add_argument("--repeats", type=int, default=5, help="of each comparison; default: 5")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.only)
        return
    if not args.checkout or not (args.checkout / ".venv/bench").exists():
        parser.error("name a checkout in which `make .venv/bench` was called")
    if args.repeats < 1:
        parser.error("--repeats must be at least 1")
    from benchmarks.setting import about

    machine = markdown(("", ""), about(THREADS).items())
    print(f"{machine}\n{compare(args.checkout.resolve(), args.only, args.repeats)}", end="")


if __name__ == "__main__":
    main()
