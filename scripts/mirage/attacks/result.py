"""What an attack gives back."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class AttackResult:
    """The answer of an attack to a batch of n images.

    Attributes:
        images: Adversarial images, in the shape and type of those given.
        iterations: Steps made for each image, shape (n,), integers; None where none are counted.
        success: Shape (n,), bool: whether each image reached what the attack was after; None where
            that is an image that was classified rightly and is no longer.
    """

    images: np.ndarray
    iterations: np.ndarray | None = None
    success: np.ndarray | None = None

    def of_each_image(self) -> dict[str, np.ndarray]:
        """Iterations and success by name, those that there are."""
        return {
            name: values
            for name in ("iterations", "success")
            if (values := getattr(self, name)) is not None
        }
