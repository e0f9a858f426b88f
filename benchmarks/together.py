"""Several runs at once, each in a process of its own with one thread: what the workflow does.

`python -m benchmarks.together WAY NETWORK DTYPE` is such a process. It answers each line that it
reads with a line: `epoch` when an epoch has been trained, `accuracy` with the network's accuracy.
"""

import contextlib
import logging
import os
import subprocess
import sys

from benchmarks import ROOT


class Together:
    """Runs that train side by side; their processes are started by the first `epoch`."""

    def __init__(self, count: int, *arguments: str) -> None:
        """So many runs, with the arguments of a process of this module."""
        self.count = count
        self.arguments = arguments
        self.processes: list[subprocess.Popen] = []

    def epoch(self) -> "Together":
        """Train an epoch in each, all at the same time.

        Raises:
            RuntimeError: One of them has ended; it has printed why.
        """
        if not self.processes:
            self.processes = [
                subprocess.Popen(
                    [sys.executable, "-m", __spec__.name, *self.arguments],
                    # As the workflow's own jobs find it.
                    env=os.environ | {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
                    cwd=ROOT,
                    text=True,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
                for _ in range(self.count)
            ]
        self._asked("epoch", self.processes)
        return self

    def accuracy(self) -> float:
        """Accuracy of the first one's network; all of them are alike."""
        return float(self._asked("accuracy", self.processes[:1])[0])

    def close(self) -> None:
        """End them."""
        for process in self.processes:
            process.stdin.close()
            process.wait()
            process.stdout.close()
        self.processes = []

    def _asked(self, question: str, processes: list[subprocess.Popen]) -> list[str]:
        """Ask all, then wait for all answers."""
        answers = []
        for process in processes:
            with contextlib.suppress(BrokenPipeError):  # the missing answer tells
                print(question, file=process.stdin, flush=True)
        for process in processes:
            answers.append(process.stdout.readline())
            if not answers[-1]:
                raise RuntimeError(f"{' '.join(self.arguments)}: a run of several has ended")
        return answers


def main(way: str, network: str, dtype: str) -> None:
    """Answer until standard input is closed."""
    # The answers alone go to standard output.
    answers, sys.stdout = sys.stdout, sys.stderr
    from benchmarks import training
    from benchmarks.setting import Setting
    from mirage import device

    device.configure(1, dtype)
    logging.getLogger().setLevel(logging.WARNING)
    setting = Setting(os.environ)
    train = training.WAYS[way](setting, network, dtype)
    trained = None
    for question in map(str.strip, sys.stdin):
        if question == "epoch":
            trained = train()
        answer = training.accuracy(setting, trained)[1] if question == "accuracy" else "done"
        print(answer, file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
