"""The same work in several processes at once, one thread each: how the workflow uses its cores.

`python -m benchmarks.together KIND DTYPE ARGUMENT ... NUMBER COUNT` is such a process, number
NUMBER of COUNT. `benchmarks.KIND.job`, given the arguments, says what it does. It answers each line
that it reads with a line, when it is done: `run` does the work once, `result PATH` writes what came
of it.
"""

import contextlib
import importlib
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import ROOT


class Together:
    """Processes that work side by side; they are started by the first `run`."""

    def __init__(self, count: int, *arguments: str) -> None:
        """So many processes of this module, with these arguments."""
        self.count = count
        self.arguments = arguments
        self.processes: list[subprocess.Popen] = []

    def run(self) -> "Together":
        """Do the work once in each, all at the same time.

        Raises:
            RuntimeError: One of them has ended; it has printed why.
        """
        if not self.processes:
            self.processes = [
                subprocess.Popen(
                    [sys.executable, "-m", __spec__.name, *self.arguments, *place],
                    # As the workflow's own jobs find it.
                    env=os.environ | {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
                    cwd=ROOT,
                    encoding="utf-8",
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
                for place in ((str(number), str(self.count)) for number in range(self.count))
            ]
        self._ask(["run"] * self.count)
        return self

    def results(self) -> list[np.ndarray]:
        """What came of the last `run` in each."""
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder, f"{number}.npy") for number in range(self.count)]
            self._ask([f"result {path}" for path in paths])
            return [np.load(path) for path in paths]

    def close(self) -> None:
        """End them."""
        for process in self.processes:
            process.stdin.close()
            process.wait()
            process.stdout.close()
        self.processes = []

    def _ask(self, questions: list[str]) -> None:
        """Ask each its question, then wait for all answers."""
        for process, question in zip(self.processes, questions, strict=True):
            with contextlib.suppress(BrokenPipeError):  # the missing answer tells
                print(question, file=process.stdin, flush=True)
        for process in self.processes:
            if not process.stdout.readline():
                raise RuntimeError(f"{' '.join(self.arguments)}: one of several has ended")


def main(kind: str, dtype: str, *arguments: str) -> None:
    """Answer until standard input is closed."""
    # The answers alone go to standard output.
    answers, sys.stdout = sys.stdout, sys.stderr
    from mirage.runtime import device

    device.configure(1, dtype)
    logging.getLogger().setLevel(logging.WARNING)
    run, result = importlib.import_module(f"benchmarks.{kind}").job(*arguments)
    found = None
    for line in map(str.strip, sys.stdin):
        question, _, path = line.partition(" ")
        if question == "run":
            found = run()
        else:
            np.save(path, result(found))
        print("done", file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
