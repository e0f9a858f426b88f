"""Filters of the input, as layers that stand before any network (alzantot, section III).

A linear filter of d pixels is a d x d matrix: the filtered unit images. As a matrix product it
runs in every floating-point type, and an attack that adapts to the defence differentiates
through it exactly. Rounding to fewer bits has the derivative 0 almost everywhere; an attack that
adapts to it takes it for the identity on the way back.
"""

import math
from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf
from scipy import ndimage

from mirage.models import networks


def gaussian_smoothing(images: np.ndarray, *, sigma: float) -> np.ndarray:
    """Convolve images with a Gaussian kernel: SciPy's `gaussian_filter` with its defaults.

    The border is continued by reflection, the kernel cut off at four standard deviations.

    Args:
        images: Shape (n, height, width).
        sigma: Standard deviation of the kernel in pixels, at least 0; 0 changes nothing.

    Returns:
        The same shape, float64.
    """
    return ndimage.gaussian_filter(images.astype(np.float64), sigma, axes=(1, 2))


def high_pass(images: np.ndarray, *, cutoff: float) -> np.ndarray:
    """Remove all frequencies below a radius: an ideal filter, by the discrete Fourier transform.

    Pixels may leave the range they came from: with any cutoff above 0 the mean of an image is
    removed as well. An ideal filter rings; the image is taken as periodic.

    Args:
        images: Shape (n, height, width).
        cutoff: Smallest radius kept, sqrt(f_y^2 + f_x^2), in cycles per image, at least 0; 0
            changes nothing.

    Returns:
        The same shape, float64.
    """
    height, width = images.shape[1:]
    vertical, horizontal = np.fft.fftfreq(height, 1 / height), np.fft.fftfreq(width, 1 / width)
    kept = np.hypot(vertical[:, np.newaxis], horizontal) >= cutoff
    return np.fft.ifft2(np.fft.fft2(images.astype(np.float64)) * kept).real


# Name -> filter of images (n, height, width), linear.
FILTERS: dict[str, Callable[..., np.ndarray]] = {
    "gaussian_smoothing": gaussian_smoothing,
    "high_pass": high_pass,
}


class Filter(keras.layers.Layer):
    """A linear filter of flat images, shape (n, d), without weights; see `layer`."""

    def __init__(self, method: str, parameters: Mapping, shape: tuple[int, ...], **options):
        """Filter the unit images in float64 and round what comes out to the layer's type."""
        super().__init__(**options)
        height, width, *channels = shape
        self.settings = {"method": method, "parameters": dict(parameters), "shape": tuple(shape)}
        self.channels = math.prod(channels)
        plane = height * width
        unit = np.eye(plane).reshape(plane, height, width)
        matrix = FILTERS[method](unit, **parameters).reshape(plane, plane)
        # A constant, not a weight: weights are what checkpoints hold and training changes.
        self.matrix = keras.ops.cast(matrix, self.compute_dtype)

    def call(self, images):
        """Images (n, d), filtered in every channel."""
        if self.channels == 1:
            return keras.ops.matmul(images, self.matrix)
        planes = keras.ops.reshape(images, (-1, self.matrix.shape[0], self.channels))
        filtered = keras.ops.matmul(keras.ops.transpose(self.matrix), planes)
        return keras.ops.reshape(filtered, keras.ops.shape(images))

    def compute_output_shape(self, input_shape):
        """That of the input."""
        return input_shape

    def get_config(self):
        """What the layer is made from, so that `mirage.models.cast.cast` can make it anew."""
        return {**super().get_config(), **self.settings}


class BitDepth(keras.layers.Layer):
    """Round each pixel to the nearest of 2^bits levels in 0 to 1 (Xu et al. 2018, section II-A).

    Feature squeezing, arXiv 1704.01155; yue2017, section 2.2.5. Pixels beyond 0 to 1 are rounded to
    the nearest level as well. The gradient is passed straight through (BPDA of Athalye et al. 2018,
    arXiv 1802.00420, section 4.1): that of the layer itself is 0 wherever it exists.
    """

    def __init__(self, *, bits: int, **options):
        """Bits of a pixel, at least 1."""
        super().__init__(**options)
        self.bits = bits

    def call(self, images):
        """Images (n, d), each pixel rounded."""
        highest = 2**self.bits - 1

        @tf.custom_gradient
        def rounded(pixels):
            return tf.round(tf.clip_by_value(pixels, 0, 1) * highest) / highest, lambda slope: slope

        return rounded(images)

    def compute_output_shape(self, input_shape):
        """That of the input."""
        return input_shape

    def get_config(self):
        """What the layer is made from, so that `mirage.models.cast.cast` can make it anew."""
        return {**super().get_config(), "bits": self.bits}


METHODS = (*FILTERS, "bit_depth")


def layer(method: str, parameters: Mapping, shape: tuple[int, ...], dtype: str) -> keras.Layer:
    """A filter as a Keras layer: flat images (n, d) to flat images (n, d).

    The matrix of a linear filter is computed in float64 and rounded to `dtype` once.

    Args:
        method: A name in `METHODS`.
        parameters: Its parameters, `sigma`, `cutoff` or `bits`.
        shape: (height, width) of the images, or (height, width, channels), each channel being
            filtered by itself.
        dtype: Type of the arithmetic, one of `mirage.models.networks.DTYPES`.

    Raises:
        ValueError: The method is not in `METHODS`.
    """
    if method not in METHODS:
        raise ValueError(f"defence {method!r}: allowed are {', '.join(METHODS)}")
    if method == "bit_depth":
        return BitDepth(**parameters, dtype=dtype, name=method)
    return Filter(method, parameters, shape, dtype=dtype, name=method)


def defend(network: keras.Model, method: str, parameters: Mapping) -> keras.Sequential:
    """Put a filter before a network.

    Args:
        network: A Sequential model from flat images (n, d) to logits, d being side * side, or
            side * side * 3 for colour.
        method: A name in `METHODS`.
        parameters: Its parameters, `sigma`, `cutoff` or `bits`.

    Returns:
        A model in the type of `network` which shares its layers: weights given to `network`
        afterwards are those of the defended network too.

    Raises:
        ValueError: The method is not in `METHODS`.
        NetworkError: The network is no plain stack of layers, or its input no square image.
    """
    if not isinstance(network, keras.Sequential):
        raise networks.NetworkError(
            f"network {network.name!r}: a defence can stand before Sequential models only"
        )
    dtype = networks.dtype_of(network)
    pixels = network.input_shape[-1]
    filtering = layer(method, parameters, image_shape(pixels), dtype)
    images = keras.Input((pixels,), dtype=dtype, name="images")
    return keras.Sequential([images, filtering, *network.layers], name=f"defended_{network.name}")


def image_shape(pixels: int) -> tuple[int, ...]:
    """(side, side), or (side, side, 3), of square images with so many values."""
    for channels in ((), (3,)):
        side = math.isqrt(pixels // math.prod(channels))
        if side * side * math.prod(channels) == pixels:
            return side, side, *channels
    raise networks.NetworkError(
        f"{pixels} values make no square image, neither in grey nor in three colours"
    )
