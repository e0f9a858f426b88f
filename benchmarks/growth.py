"""Whether the memory of a job grows with the epochs or the epsilons that it is given.

`python -m benchmarks.growth WORK EPOCHS EPSILONS` does the work of such a job on 10,000 images and
prints the largest resident memory of its process, in MB.
"""

import logging
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from benchmarks import ROOT

# Work, epochs and epsilons; of each work the first is what the others are held against.
CASES = (
    *(("training", 1, 0), ("training", 10, 0)),
    *(("FGSM", 1, 1), ("FGSM", 10, 1), ("FGSM", 1, 10)),
)
# Far from the seed's and the allocator's few MB, far below what a set of images takes.
ALLOWED = 1.05


@dataclass
class Peak:
    """The largest resident memory of one process."""

    work: str
    epochs: int
    epsilons: int
    peak_mb: float
    date: str = field(default_factory=lambda: date.today().isoformat())


def measure() -> list[Peak]:
    """One process for each of `CASES`.

    Raises:
        subprocess.CalledProcessError: One of them failed; it has printed why.
    """
    found = []
    for case in CASES:
        words = [sys.executable, "-m", __spec__.name, *map(str, case)]
        done = subprocess.run(words, cwd=ROOT, encoding="utf-8", stdout=subprocess.PIPE, check=True)
        found.append(Peak(*case, float(done.stdout.split()[-1])))
    return found


def main(work: str, epochs: int, epsilons: int) -> None:
    """Do the work and print the memory that it took."""
    from benchmarks.setting import Setting, trained
    from mirage.evaluation import passes
    from mirage.models import networks
    from mirage.runtime import device

    device.configure(1)
    logging.getLogger().setLevel(logging.WARNING)
    images, labels = Setting(os.environ).test
    if work == "training":
        trained((images, labels), (images[:1_000], labels[:1_000]), epochs)
    else:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "epoch1.keras")
            networks.build({"name": "mlp", "hidden": [200, 300]}, "float32", 1).save(file)
            rows = passes.evaluate(
                *([file] * epochs, [file] * epochs, images.reshape(-1, 28, 28), labels),
                method="fgsm",
                parameters={"gradient": "cross_entropy_sum"},
                dtype="float32",
                epsilons=[f"{number / 100}" for number in range(1, epsilons + 1)],
                seeds=[(1, epoch) for epoch in range(epochs)],
            )
            assert len(list(rows)) == epochs * epsilons
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
