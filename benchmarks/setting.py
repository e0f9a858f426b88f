"""What all sides of a comparison share: the machine, the images, and one trained network."""

import os
import platform
import re
import tempfile
from collections.abc import Mapping
from datetime import date
from importlib import metadata
from pathlib import Path

import numpy as np

import download
from mirage import datasets, networks, training
from mirage.images import as_float

PACKAGES = (
    *("tensorflow", "tensorflow-cpu", "keras", "numpy", "scipy", "snakemake"),
    *("adversarial-robustness-toolbox", "foolbox", "cleverhans"),
)
ATTACKED = 10_000
EPOCHS = 5


def machine(threads: int) -> dict[str, str]:
    """Processor, cores, memory, system, date and versions, by name."""
    found = {"date": date.today().isoformat(), "processor": processor()}
    found["cores"] = f"{os.cpu_count()}, of which {threads} are used"
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    found["memory"] = f"{pages / 2**30:.0f} GiB"
    found["system"] = (
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    )
    installed = {name: version(name) for name in PACKAGES}
    found["versions"] = ", ".join(f"{name} {v}" for name, v in installed.items() if v)
    return found


def processor() -> str:
    """The processor's name as the system has it, with what it offers of vector instructions."""
    try:
        info = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    name = re.search(r"^model name\s*: (.*)$", info, re.M)
    flags = set(re.findall(r"\b(avx2|avx512f|amx_tile)\b", info))
    return ", ".join([name[1] if name else platform.machine(), *sorted(flags)])


def version(package: str) -> str | None:
    """The installed version of a package, None where there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


class Setting:
    """Images, labels and a trained float32 network 784-200-300-10.

    The images are those of MNIST where `MNIST_DIR` names a folder that has them, else
    scikit-learn's embedded digits, repeated to MNIST's numbers.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Read the images; the network is trained when it is first asked for."""
        folder = environment.get("MNIST_DIR")
        self.name = "MNIST" if folder else "embedded digits, repeated"
        train, test = mnist(folder) if folder else datasets.digits()
        self.training = repeated(train, 60_000)
        self.test = repeated(test, ATTACKED)
        self._network = None

    @property
    def network(self):
        """The network that is attacked."""
        if self._network is None:
            network, optimizer = training.start(
                networks.build("mlp-200-300", "float32", 1), {"name": "adam"}
            )
            training.train(
                *(network, optimizer, self.training, self.test),
                epochs=range(1, EPOCHS + 1),
                seed=1,
                schedule=0.001,
                batch_size=100,
                objective={"name": "cross_entropy"},
            )
            self._network = network
        return self._network

    @property
    def attacked(self) -> tuple[np.ndarray, np.ndarray]:
        """Images (10,000, 784), float32 in 0 to 1, and labels (10,000,), int64."""
        images, labels = self.test
        return as_float(images, "float32"), labels.astype(np.int64)


def mnist(folder: str) -> tuple[datasets.Labelled, datasets.Labelled]:
    """MNIST from the four files of a folder, gzipped or not, their checksums verified."""
    with tempfile.TemporaryDirectory() as raw:
        download.main(["--dataset", "mnist", "--local-folder", folder, "--output-folder", raw])
        return datasets.read_folder(raw)


def repeated(labelled: tuple[np.ndarray, np.ndarray], count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first `count` images, flat, and labels, from the first on again where there are fewer."""
    images, labels = labelled
    pick = np.arange(count) % len(images)
    return images[pick].reshape(count, -1), labels[pick]
