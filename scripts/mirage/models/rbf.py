"""A layer of Gaussian units around trained centres."""

import keras
import numpy as np

from mirage.data.images import as_float
from mirage.runtime.errors import ArgumentError


@keras.saving.register_keras_serializable(package="mirage")
class Gaussians(keras.layers.Layer):
    """Units exp(-||x - c||^2 / (2 width^2)), each with a centre c of its own.

    Source: Goodfellow et al. 2014, section 6, shallow RBF networks, with one width for all units.
    """

    def __init__(self, units: int, width: float, **options: object) -> None:
        """Take the number of units and their width, in the unit of the inputs (L2)."""
        super().__init__(**options)
        self.units, self.width = units, width

    def build(self, shape: tuple) -> None:
        """Make the centres, shape (units, d); `place` gives them their values."""
        self.centres = self.add_weight(
            name="centres", shape=(self.units, shape[-1]), initializer="zeros"
        )

    def call(self, images: object) -> object:
        """Answers in 0 to 1, shape (n, units), of images (n, d)."""
        # Written out, since all differences (n, units, d) would fill the memory.
        squares = keras.ops.sum(keras.ops.square(images), axis=-1, keepdims=True)
        squares += keras.ops.sum(keras.ops.square(self.centres), axis=-1)
        squares -= 2 * keras.ops.matmul(images, keras.ops.transpose(self.centres))
        return keras.ops.exp(squares / (-2 * self.width**2))

    def get_config(self) -> dict:
        """What the layer is made from, for its checkpoint."""
        return {**super().get_config(), "units": self.units, "width": self.width}


def place(centres: keras.Variable, seed: int, images: np.ndarray | None) -> None:
    """Put centres onto images drawn at random, or where there are none onto uniform values.

    Args:
        centres: Shape (units, d).
        seed: Of the draw.
        images: Shape (n, ...), uint8 with values 0 to 255, or floats.

    Raises:
        ArgumentError: There are fewer images than centres, or they have another size.
    """
    units, size = centres.shape
    generator = np.random.default_rng([seed, 1])
    if images is None:
        centres.assign(generator.uniform(size=(units, size)))
        return
    if len(images) < units or images[0].size != size:
        raise ArgumentError(
            f"images: {len(images)} of {images[:1].size} pixels. The network needs at least "
            f"{units}, one for each of its units, of {size} pixels."
        )
    chosen = images[generator.choice(len(images), units, replace=False)]
    if chosen.dtype == np.uint8:
        chosen = as_float(chosen, "float64")
    centres.assign(chosen.reshape(units, size))
