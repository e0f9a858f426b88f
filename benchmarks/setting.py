"""What all sides of a comparison share: the machine, the images, and one trained network."""

import platform
import tempfile
import timeit
from collections.abc import Mapping
from datetime import date
from importlib import metadata

import keras
import numpy as np

import download
from mirage.data import datasets
from mirage.data.images import as_float
from mirage.models import networks
from mirage.runtime import machine
from mirage.training import chain

PACKAGES = (
    *("tensorflow", "tensorflow-cpu", "keras", "numpy", "scipy", "snakemake"),
    *("adversarial-robustness-toolbox", "foolbox", "cleverhans"),
)
# Rows of the square matrices whose product tells how fast the arithmetic can be.
SIZE = 2048
ATTACKED = 10_000
EPOCHS = 5


def about(threads: int) -> dict[str, str]:
    """Processor, its speed, cores, memory, system, date and versions, by name."""
    found = machine.describe()
    installed = {name: version(name) for name in PACKAGES}
    return {
        "date": date.today().isoformat(),
        "processor": found["processor"],
        "speed": f"{speed():.0f} GFLOP/s, float32, NumPy's product of {SIZE}x{SIZE}",
        "cores": f"{found['cores']}, of which {threads} are used",
        "memory": f"{found['memory_gb']:.0f} GiB",
        "system": f"{found['kernel']}, Python {platform.python_version()}",
        "versions": ", ".join(f"{name} {v}" for name, v in installed.items() if v),
    }


def speed() -> float:
    """GFLOP/s of NumPy's float32 product: machines of one name may differ by a factor of two.

    TensorFlow's, in `training.speed`, would start its threads before they are counted out.
    """
    matrix = np.random.default_rng(1).normal(size=(SIZE, SIZE)).astype("float32")
    return 2e-9 * SIZE**3 / min(timeit.repeat(lambda: matrix @ matrix, number=1, repeat=30))


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
            self._network = trained(self.training, self.test, EPOCHS)
        return self._network

    @property
    def attacked(self) -> tuple[np.ndarray, np.ndarray]:
        """Images (10,000, 784), float32 in 0 to 1, and labels (10,000,), int64."""
        images, labels = self.test
        return as_float(images, "float32"), labels.astype(np.int64)


def trained(train: datasets.Labelled, validation: datasets.Labelled, epochs: int) -> keras.Model:
    """A float32 network 784-200-300-10 after so many epochs; images (n, 784), uint8, and labels."""
    network = networks.build({"name": "mlp", "hidden": [200, 300]}, "float32", 1)
    network, optimizer = chain.start(network, {"name": "adam"})
    chain.train(
        *(network, optimizer, train, validation),
        epochs=range(1, epochs + 1),
        seed=1,
        schedule=0.001,
        batch_size=100,
        objective={"name": "cross_entropy"},
    )
    return network


def mnist(folder: str) -> tuple[datasets.Labelled, datasets.Labelled]:
    """MNIST from the four files of a folder, gzipped or not, their checksums verified."""
    with tempfile.TemporaryDirectory() as raw:
        download.main(
            ['--job={"dataset": "mnist"}', "--local-folder", folder, "--output-folder", raw]
        )
        return datasets.read_folder(raw)


def repeated(labelled: tuple[np.ndarray, np.ndarray], count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first `count` images, flat, and labels, from the first on again where there are fewer."""
    images, labels = labelled
    pick = np.arange(count) % len(images)
    return images[pick].reshape(count, -1), labels[pick]
