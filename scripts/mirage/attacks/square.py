"""Square Attack in the L-infinity ball, which sees logits alone (Andriushchenko et al. 2020).

arXiv 1912.00049.
"""

import bisect
import math
from collections.abc import Sequence

import keras
import numpy as np

from mirage.attacks import gradients
from mirage.attacks.inputs import checked
from mirage.attacks.parameters.square import Parameters
from mirage.attacks.result import AttackResult
from mirage.models import measures
from mirage.models.defences import image_shape

# After so many of 10,000 queries the share of pixels in a square is halved. The paper leaves out
# 500, which the authors' code and AutoAttack have.
HALVED_AFTER = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)


@checked
def attack(
    network: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    parameters: Parameters,
    *,
    epsilon: float,
    seed: Sequence[int] = (0,),
    **_: object,
) -> AttackResult:
    """Random search: a square of +epsilon or -epsilon is kept where the logit margin falls.

    The first point is the image with vertical stripes, one pixel wide. Each later one sets a square
    at a random place to image + epsilon or image - epsilon, one sign for each channel (Algorithms 1
    and 2; in the L-infinity ball a step of 2 epsilon, projected, is just that). A square may lie
    at the border, as in the paper; the authors' code never reaches the last row and column. An
    image that is misclassified is left as it is, from the beginning or from then on.

    Args:
        network: Model from images to logits; no gradient is computed.
        images: Shape (n, d), any float type, pixels in 0 to 1. Their height, width and channels
            are those that the network's first Reshape gives them; where there is none, they are
            taken for square images in grey or in three colours.
        labels: True labels, shape (n,), integers.
        parameters: Those of the Square Attack.
        epsilon: Radius of the ball in L-infinity, pixels lying in 0 to 1.
        seed: Seed of stripes, places and signs.

    Returns:
        Adversarial images in the shape and type of `images`. The iterations are the points that
        the network was asked about, beside the image itself.

    Raises:
        ValueError: Images, labels or epsilon are not what `mirage.attacks.inputs` asks for.
        NetworkError: A weight of the network is NaN or infinite, or the images' height and width
            cannot be told.
    """
    count = len(images)
    shape = shape_of(network, images.shape[1])
    first = shape[0] < shape[2]  # the channels, which are fewer than the columns
    pixels = images.reshape(count, *shape)
    pixels = np.moveaxis(pixels, 1, 3) if first else pixels
    height, width, channels = pixels.shape[1:]
    side = math.sqrt(height * width)
    # An image plus or minus the whole of epsilon, clipped: all that squares are cut from.
    faces = np.stack([_moved(pixels, change, parameters.clip) for change in (-epsilon, epsilon)])
    found, taken = pixels.copy(), np.zeros(count, np.int32)
    left = np.flatnonzero(_judged(network, _flat(pixels, first), labels)[0])
    margins = np.full(count, np.inf)
    for query in range(parameters.queries):
        if not len(left):
            break
        # Drawn for all images and by query, so that no answer depends on which others are left.
        generator = np.random.default_rng((*seed, query))
        if query:
            share = share_of_pixels(parameters.p, query - 1, parameters.queries)
            size = min(max(round(math.sqrt(share) * side), 1), height, width)
            sizes = (size, size)
            drawn = generator.random((count, 2 + channels))[left]
            corners = (drawn[:, :2] * (height - size + 1, width - size + 1)).astype(int)
            signs = drawn[:, np.newaxis, np.newaxis, 2:] < 0.5
        else:  # stripes: a square that is the whole image, with a sign for each column
            sizes, corners = (height, width), np.zeros((len(left), 2), int)
            signs = generator.random((count, 1, width, channels))[left] < 0.5
        rows, columns = (corners[:, axis, np.newaxis] + np.arange(sizes[axis]) for axis in range(2))
        square = (rows[:, :, np.newaxis], columns[:, np.newaxis, :])
        own = left[:, np.newaxis, np.newaxis]
        tried = found[left]
        tried[(np.arange(len(left))[:, np.newaxis, np.newaxis], *square)] = np.where(
            signs, faces[0][(own, *square)], faces[1][(own, *square)]
        )
        right, reached = _judged(network, _flat(tried, first), labels[left])
        better = (reached < margins[left]) | ~right
        found[left[better]], margins[left[better]] = tried[better], reached[better]
        taken[left] += 1
        left = left[right]
    return AttackResult(_flat(found, first), taken)


def share_of_pixels(p: float, number: int, queries: int) -> float:
    """Share of the pixels in the square of that number, from 0 on, in a search of `queries`.

    It falls from `p` by half at the places in `HALVED_AFTER`, or at as large a part of another
    number of queries (as in AutoAttack).
    """
    return p / 2 ** bisect.bisect_left(HALVED_AFTER, number * 10_000 // queries)


def shape_of(network: keras.Model, values: int) -> tuple[int, int, int]:
    """The shape of an image of so many values, as a network sees it; grey has one channel.

    Raises:
        NetworkError: The network does not tell, and they make no square image.
    """
    for layer in network.layers:
        shape = tuple(getattr(layer, "target_shape", ()))
        if len(shape) in (2, 3) and math.prod(shape) == values:
            return (*shape, 1)[:3]
    return (*image_shape(values), 1)[:3]


def _flat(pixels: np.ndarray, first: bool) -> np.ndarray:
    """Images (n, height, width, channels) as the network takes them; its channels may be first."""
    return (np.moveaxis(pixels, 3, 1) if first else pixels).reshape(len(pixels), -1)


def _moved(pixels: np.ndarray, change: float, clip: tuple | None) -> np.ndarray:
    moved = pixels + pixels.dtype.type(change)
    return moved if clip is None else np.clip(moved, *clip).astype(pixels.dtype)


def _judged(
    network: keras.Model, images: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Whether each image is classified rightly, and its logit margin."""
    logits = gradients.logits(network, images)
    return measures.classes(logits) == labels, measures.logit_margins(logits, labels)
