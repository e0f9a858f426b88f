"""Lower bounds of a network's margins over a ball of images: what no attack can get below.

Linear relaxation of ReLU networks (CROWN: Zhang et al. 2018, arXiv 1811.00866, theorem 3.2 and
section 3.3), in NumPy and float64. For a linear network the bound is exact: the least margin over
the ball of radius epsilon is z_y - z_k - epsilon * ||w_y - w_k||_1.
"""

from collections.abc import Sequence

import keras
import numpy as np

from mirage.models.networks import NetworkError

# Numbers in the largest array that is made: 64 MB.
MOST = 8_000_000
Layers = list[tuple[np.ndarray, np.ndarray]]


def layers(network: keras.Model) -> Layers:
    """The weights (inputs, outputs) and biases of a fully connected ReLU network, in float64.

    Raises:
        NetworkError: It has other layers, or other activations.
    """
    found = [one for one in network.layers if not isinstance(one, keras.layers.InputLayer)]
    wanted = ["relu"] * (len(found) - 1) + ["linear"]
    for layer, activation in zip(found, wanted, strict=True):
        if not isinstance(layer, keras.layers.Dense) or layer.activation.__name__ != activation:
            raise NetworkError(
                f"network {network.name!r}: layer {layer.name!r} is none that bounds are known of. "
                "It must be of fully connected layers, ReLU after each but the last: an mlp."
            )
    return [
        tuple(one.numpy().astype(np.float64) for one in (layer.kernel, layer.bias))
        for layer in found
    ]


def margins(
    network: Layers,
    images: np.ndarray,
    labels: np.ndarray,
    epsilon: float,
    clip: Sequence[float] | None = None,
) -> np.ndarray:
    """A lower bound of the margin z_y - max over the others of z_k, over all points of a ball.

    Args:
        network: As `layers` gives it.
        images: Centres of the balls, shape (n, d), pixels in 0 to 1.
        labels: Their classes y, shape (n,).
        epsilon: Radius in L-infinity, in units of pixels.
        clip: Least and largest pixel of a point; None where a pixel may leave 0 to 1.

    Returns:
        Shape (n,), float64. Where it is above 0, no point of the ball is misread in exact
        arithmetic. Below 0 it says nothing, but of a linear network.
    """
    rows = max(len(bias) for _, bias in network[1:] or network)
    wide = max(kernel.shape[0] for kernel, _ in network)
    size = max(1, MOST // (rows * wide))
    parts = [slice(start, start + size) for start in range(0, len(images), size)]
    return np.concatenate(
        [_margins(network, images[part], labels[part], epsilon, clip) for part in parts]
    )


def _margins(network, images, labels, epsilon, clip) -> np.ndarray:
    centres = images.astype(np.float64)
    box = centres - epsilon, centres + epsilon
    if clip is not None:
        box = tuple(np.clip(side, *clip) for side in box)
    reached: list[tuple[np.ndarray, np.ndarray]] = []
    for depth, (kernel, bias) in enumerate(network[:-1]):
        if not depth:  # exact, and one product for all images
            up, down = np.maximum(kernel, 0), np.minimum(kernel, 0)
            low, high = box
            reached.append((low @ up + high @ down + bias, high @ up + low @ down + bias))
            continue
        unit = np.eye(kernel.shape[1])[np.newaxis]  # the same for all images, up to a ReLU
        least, most = (_least(network[: depth + 1], reached, box, way) for way in (unit, -unit))
        reached.append((least, -most))
    classes = network[-1][0].shape[1]
    others = np.array([np.delete(np.arange(classes), label) for label in labels])
    wanted = np.eye(classes)[labels][:, np.newaxis] - np.eye(classes)[others]
    return _least(network, reached, box, wanted).min(axis=1)


def _least(network: Layers, reached: list, box: tuple, ways: np.ndarray) -> np.ndarray:
    """A lower bound of some combinations of the outputs of the last of these layers.

    Args:
        network: Layers up to that one, without the ReLU after it.
        reached: Bounds (least, most) of what goes into each ReLU before it, shape (n, width).
        box: Least and largest input, shape (n, d) each.
        ways: The combinations, shape (n, rows, outputs), or (1, rows, outputs) of all images.

    Returns:
        Shape (n, rows).
    """
    constant = np.zeros(ways.shape[:2])
    for depth in range(len(network) - 1, -1, -1):
        kernel, bias = network[depth]
        constant = constant + ways @ bias
        ways = ways @ kernel.T
        if depth:
            ways, shift = _through_relu(ways, *reached[depth - 1])
            constant = constant + shift
    low, high = (side[:, :, np.newaxis] for side in box)
    up, down = np.maximum(ways, 0), np.minimum(ways, 0)
    return constant + (up @ low + down @ high)[:, :, 0]


def _through_relu(
    ways: np.ndarray, least: np.ndarray, most: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Linear lower bound of combinations of ReLUs (Zhang et al. 2018, table 2 and section 3.3).

    Above stands the chord from (least, 0) to (most, most). Below stands 0 or the identity, which
    of them is nearer: their `CROWN-Ada`.
    """
    on = least >= 0
    split = ~on & (most > 0)
    chord = np.divide(most, most - least, out=on.astype(np.float64), where=split)
    below = np.where(split, most > -least, on).astype(np.float64)
    chord, below = chord[:, np.newaxis], below[:, np.newaxis]
    positive, negative = np.maximum(ways, 0), np.minimum(ways, 0)
    shift = negative @ np.where(split, -chord[:, 0] * least, 0)[:, :, np.newaxis]
    return positive * below + negative * chord, shift[:, :, 0]
