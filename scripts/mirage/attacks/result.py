"""What an attack gives back."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class AttackResult:
    """The answer of an attack to a batch of n images.

    Attributes:
        images: Adversarial images, in the shape and type of those given.
        iterations: Steps made for each image, shape (n,), integers; None where none are counted.
        success: Shape (n,), bool: whether each image reached its target on the network that the
            attack looked at; None where there is no target.
        targets: Class that each image was moved towards, shape (n,), integers; None where any other
            than the label will do. The network that is attacked need not be the one looked at, so
            that its own answers are held against these.
    """

    images: np.ndarray
    iterations: np.ndarray | None = None
    success: np.ndarray | None = None
    targets: np.ndarray | None = None

    def of_each_image(self) -> dict[str, np.ndarray]:
        """Iterations, success and targets by name, those that there are."""
        return {
            name: values
            for name in ("iterations", "success", "targets")
            if (values := getattr(self, name)) is not None
        }
