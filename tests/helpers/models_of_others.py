"""Models that others published: where they are, and what is known of each."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from workflow import ROOT

FOLDER = Path(os.environ.get("MIRAGE_MODELS", ROOT.parent / "shared/models"))
ARCHITECTURES = ROOT / "studies/others/architectures.py"


@dataclass(frozen=True)
class Published:
    """A file, what opens it, and what it is.

    `accuracy` is that on the first `images` test images, where it was measured before.
    `asked` are the ranges among which the audit cannot tell on 1,000 images.
    """

    file: str
    architecture: str | None = None
    range: tuple[float, float] = (0, 1)
    kind: str = "softmax"
    accuracy: float | None = None
    images: int = 1_000
    asked: tuple[str, ...] = ()

    @property
    def path(self):
        return FOLDER / self.file

    @property
    def given(self):
        """The architecture as `open_model` takes it."""
        json = self.architecture and self.architecture.endswith(".json")
        return FOLDER / self.architecture if json else self.architecture and self._function

    @property
    def _function(self):
        return f"{ARCHITECTURES}:{self.architecture}"


_SHIFTED = ("0..1", "-1..1", "-0.5..0.5")
MODELS = (
    Published(
        *("joshuacn-art367/mnist.h5", "joshuacn", (-1, 1), "logits", 0.983, 2_000),
        ("-1..1", "-0.5..0.5"),
    ),
    Published("tagomaru-ai_security/mnist.h5"),
    Published("tagomaru-ai_security/mnist_logits.h5", kind="logits"),
    # Before its training: at no range better than chance.
    Published("tagomaru-ai_security/initial_robust_mnist.h5", asked=("told from chance",)),
    Published("tagomaru-ai_security/robust_mnist.h5"),
    Published("tagomaru-ai_security/robust_mnist_epoch50.h5", accuracy=0.943, images=10_000),
    Published("deepxplore/Model1.h5", "lenet1", accuracy=0.972, images=2_000),
    Published("deepxplore/Model2.h5", "lenet4", asked=_SHIFTED),
    Published("deepxplore/Model3.h5", "lenet5", accuracy=0.982, images=2_000),
    Published("auto-attack/tf_model.weight.h5", "auto_attack", (0, 1), "logits", 0.983, 300),
    Published("deepgame/mnist.h5", accuracy=0.995, images=2_000, asked=_SHIFTED),
    Published("telo-2022-16/FF.h5", "telo-2022-16/FF.json", accuracy=0.986, images=10_000),
    Published("telo-2022-16/CNN.h5", "telo-2022-16/CNN.json"),
)


def needed():
    """Skip a test where the models, or MNIST, are not there."""
    if not FOLDER.is_dir():
        pytest.skip(f"needs the models of others in {FOLDER}, or where MIRAGE_MODELS says")
    if not os.environ.get("MNIST_DIR"):
        pytest.skip("needs MNIST_DIR, a folder with the four MNIST files")
