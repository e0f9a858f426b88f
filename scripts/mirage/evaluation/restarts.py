"""Where projected gradient descent ends when it starts many times at the same image."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from mirage.attacks import ball, gradients, inputs, pgd
from mirage.data.images import as_float
from mirage.models import checkpoints, measures, networks
from mirage.models.cast import cast


def losses(
    checkpoint: Path | str,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    parameters: Mapping,
    dtype: str,
    epsilon: str,
    seed: Sequence[int],
    count: int,
    starts: int,
) -> Iterator[dict[str, object]]:
    """Loss at random starts in the ball, and where PGD from there ends (Madry et al. 2017, fig. 2).

    Args:
        checkpoint: Of the network that is attacked.
        images: Shape (n, height, width, ...), uint8.
        labels: Shape (n,), integers from 0 on.
        parameters: Those of `mirage.attacks.pgd`; its restarts and random start are left out.
        dtype: Type of the gradient.
        epsilon: Radius of the ball, as text.
        seed: Seed of the starts.
        count: How many images: the first that the network classifies rightly, one of each class
            as far as they go.
        starts: Random starts for each of them.

    Yields:
        For each image and start: image (its index), restart, start_loss and loss, cross-entropy in
        nats, computed in float64.

    Raises:
        NetworkError: The checkpoint cannot be read or cast, has weights that are NaN or infinite,
            or classifies no image rightly; the message names it.
        DataError: Images or labels are not what `mirage.attacks.inputs.check_split` asks for.
        ValueError: epsilon is negative or no finite number.
    """
    network = checkpoints.load(checkpoint)
    inputs.check_split(network, images, labels)
    attacker, exact = (cast(network, kind) for kind in (dtype, "float64"))
    pixels = as_float(images, networks.dtype_of(network))
    right = np.flatnonzero(measures.classes(gradients.logits(network, pixels)) == labels)
    if not len(right):
        raise networks.NetworkError(f"{checkpoint}: it classifies no image rightly to start from.")
    _, first = np.unique(labels[right], return_index=True)
    chosen = pgd.Parameters(**parameters)
    for image in right[np.sort(first)][:count]:
        same = np.repeat(pixels[[image]], starts, axis=0)
        classes = np.repeat(labels[[image]], starts)
        radius = float(epsilon)
        noise = ball.random(same, radius, chosen.norm, (*seed, int(image)))
        begun = same + noise
        if chosen.clip:
            begun = np.clip(begun, *chosen.clip)
        ended = pgd.descend_from(attacker, same, begun, classes, chosen, epsilon=radius)
        found = [
            gradients.cross_entropy(
                tf.constant(gradients.logits(exact, points)), tf.constant(classes, tf.int32)
            ).numpy()
            for points in (begun, ended)
        ]
        for restart, (before, after) in enumerate(zip(*found, strict=True)):
            yield {
                "image": int(image),
                "restart": restart,
                "start_loss": float(before),
                "loss": float(after),
            }
